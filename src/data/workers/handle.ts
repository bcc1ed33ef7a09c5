/**
 * One worker, as a thread or as a process: something that takes a task, answers it, and may die.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { WorkerAnswer, WorkerTask } from './protocol.ts';

/** Threads hand memory over; processes copy it, but may crash or be killed without harm to the run. */
export type WorkerRuntime = 'threads' | 'processes';

/** What a worker's owner wants to hear. */
export interface WorkerEvents {
  answer(answer: WorkerAnswer): void;
  /** It has ended, by whatever cause; said once. Not after `end`. */
  death(cause: Error): void;
}

/** A running worker. */
export interface WorkerHandle {
  /** The process id, or the thread id. */
  readonly id: number;
  /** @throws DOMException `DataCloneError` for a task that cannot be copied */
  post(task: WorkerTask): void;
  /** Whether it keeps this process alive: while it works. */
  keepAlive(busy: boolean): void;
  end(): Promise<void>;
}

/** Starts a worker. */
export function startWorker(runtime: WorkerRuntime, events: WorkerEvents): WorkerHandle {
  let over = false;
  const once: WorkerEvents = {
    answer: (answer) => !over && events.answer(answer),
    death(cause) {
      if (!over) events.death(cause);
      over = true;
    },
  };
  const handle = runtime === 'threads' ? startThread(once) : startProcess(once);
  return {
    ...handle,
    end() {
      over = true;
      return handle.end();
    },
  };
}

/**
 * A picture is decoded into memory that V8 counts but lets go only when it clears out the young objects. With as much room
 * for these as it grants by default, that is so seldom that it takes the memory for a leak, marks everything over and over,
 * and spins between the parts of that work: as dear as the decoding.
 */
const YOUNG = { maxYoungGenerationSizeMb: 3 };

function startThread(events: WorkerEvents): WorkerHandle {
  const worker = fromSources
    ? new Worker(`import('tsx/esm/api').then((tsx) => (tsx.register(), import('${ENTRY}')))`, {
        eval: true,
        execArgv: [],
        resourceLimits: YOUNG,
      })
    : new Worker(new URL(ENTRY), { resourceLimits: YOUNG });
  worker.on('message', (answer: WorkerAnswer) => events.answer(answer));
  worker.on('error', (error) => events.death(error));
  worker.on('exit', (code) => events.death(new Error(`a worker ended with exit code ${code}`)));
  worker.unref();
  return {
    id: worker.threadId,
    post: (task) =>
      worker.postMessage(
        task,
        (task.spare ?? []).filter((piece) => piece instanceof ArrayBuffer),
      ),
    keepAlive: (busy) => (busy ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  };
}

function startProcess(events: WorkerEvents): WorkerHandle {
  const child = fork(fileURLToPath(ENTRY), {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(fromSources && { execArgv: ['--import', 'tsx'] }),
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', (answer) => events.answer(answer as WorkerAnswer));
  child.on('error', (error) => events.death(error));
  child.on('exit', (code, signal) => events.death(new Error(`a worker ended with ${signal ?? `exit code ${code}`}`)));
  const keepAlive = (busy: boolean): void => {
    if (busy) child.ref();
    else child.unref();
    if (busy) child.channel?.ref();
    else child.channel?.unref();
  };
  keepAlive(false);
  return {
    id: child.pid ?? 0,
    post: (task) => void child.send(task, () => {}), // a child that is gone says so by its exit
    keepAlive,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Run from its TypeScript sources, as in tests, a worker needs help to understand them. */
const fromSources = import.meta.url.endsWith('.ts');
const ENTRY = new URL(fromSources ? './worker.ts' : './worker.js', import.meta.url).href;
