/**
 * Threads that compute one routine of the companion together. The work is cut into chunks of its output, which this
 * thread and its helpers claim one after the other: who is late, or has not even started, finds less to do, and nobody
 * waits for it. What a chunk computes does not depend on who does, so results are the same for any number of threads.
 */
import { Worker } from 'node:worker_threads';
import { BackendError } from '../../../core/errors.ts';
import { type Argument, wholeOf } from './arguments.ts';
import { CONTROL, HELPER, type HelperData, JOB } from './helper-thread.ts';

type Routines = Readonly<Record<string, (...args: number[]) => void>>;

const MOST_ARGUMENTS = 24;

/** How long to look before going to sleep; a turn takes some 5 ns. */
const TURNS = 10_000;

/** See above. Helpers start at the first job and never keep the process alive. */
export class ThreadPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(64));
  readonly #job = new Float64Array(new SharedArrayBuffer(8 * (JOB.first + 4 * MOST_ARGUMENTS)));
  readonly #run: Routines;
  readonly #names: readonly string[];
  readonly #data: Pick<HelperData, 'module' | 'memory'>;
  readonly #helpers: Worker[] = [];

  /** @param run the routines of this thread's own instance of `module`, on the same `memory` */
  constructor(module: object, memory: object, run: Routines) {
    this.#run = run;
    this.#names = Object.keys(run);
    this.#data = { module, memory };
  }

  /** How many threads there are, this one included; all may help with a job. */
  get size(): number {
    return this.#helpers.length + 1;
  }

  /** Computes `units` units of work, `chunk` at a time, on so many threads. */
  compute(routine: string, units: number, chunk: number, threads: number, given: readonly Argument[]): void {
    while (this.#helpers.length < threads - 1) this.#start(this.#helpers.length + 1);
    const chunks = Math.ceil(units / chunk);
    this.#write(routine, units, chunk, given);
    const control = this.#control;
    Atomics.store(control, CONTROL.done, 0);
    Atomics.store(control, CONTROL.chunks, chunks);
    const number = (Atomics.load(control, CONTROL.ticket) >>> 16) + 1;
    Atomics.store(control, CONTROL.ticket, (number << 16) | chunks);
    if (Atomics.load(control, CONTROL.asleep) > 0) Atomics.notify(control, CONTROL.ticket, threads - 1);
    this.#help(routine, units, chunk, given);
    this.#await(chunks);
    if (Atomics.exchange(control, CONTROL.failed, 0) !== 0)
      throw new BackendError(`the wasm engine failed in ${routine}`, {
        code: 'routine-failed',
        help: 'report this; KELVIN_WASM=composed runs without the module that failed',
      });
  }

  /** Ends the helpers. */
  close(): void {
    for (const helper of this.#helpers.splice(0)) void helper.terminate();
  }

  #start(thread: number): void {
    const workerData: HelperData = {
      ...this.#data,
      control: this.#control,
      job: this.#job,
      routines: this.#names,
      thread,
    };
    const helper = new Worker(HELPER, { eval: true, workerData, name: 'kelvin', execArgv: [], stdin: false });
    helper.unref();
    // One that does not start, or dies, has claimed nothing: the others do its share.
    helper.on('error', () => undefined);
    this.#helpers.push(helper);
  }

  #write(routine: string, units: number, chunk: number, given: readonly Argument[]): void {
    const job = this.#job;
    job[JOB.routine] = this.#names.indexOf(routine);
    job[JOB.units] = units;
    job[JOB.chunk] = chunk;
    job[JOB.given] = given.length;
    let at: number = JOB.first;
    for (const one of given) {
      const whole = typeof one === 'number';
      job[at++] = whole ? one : one.base;
      job[at++] = whole ? 0 : one.perStart;
      job[at++] = whole ? 0 : one.perCount;
      job[at++] = whole ? 0 : one.perThread;
    }
  }

  /** This thread's own share. */
  #help(routine: string, units: number, chunk: number, given: readonly Argument[]): void {
    const run = this.#run[routine] as (...args: number[]) => void;
    for (;;) {
      const ticket = Atomics.load(this.#control, CONTROL.ticket);
      const left = ticket & 0xffff;
      if (left === 0) return;
      if (Atomics.compareExchange(this.#control, CONTROL.ticket, ticket, ticket - 1) !== ticket) continue;
      const start = (left - 1) * chunk;
      const own = wholeOf(given, Math.min(chunk, units - start));
      given.forEach((one, i) => {
        if (typeof one !== 'number') own[i] = (own[i] as number) + start * one.perStart;
      });
      try {
        run(...own);
      } catch {
        Atomics.store(this.#control, CONTROL.failed, 1);
      }
      Atomics.add(this.#control, CONTROL.done, 1);
    }
  }

  #await(chunks: number): void {
    for (let turn = 0; ; turn++) {
      const done = Atomics.load(this.#control, CONTROL.done);
      if (done === chunks) return;
      if (turn > TURNS) Atomics.wait(this.#control, CONTROL.done, done);
    }
  }
}
