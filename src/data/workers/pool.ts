/**
 * The workers of one loader. A worker that dies is replaced and its batch is read again, so that every batch arrives
 * exactly once; idle workers do not keep the process alive.
 */
import { ConfigError, DataError, messageOf } from '../../core/errors.ts';
import { copiesBatches } from '../lent-memory.ts';
import type { BatchRequest, ReadBatch } from '../read-batch.ts';
import { startWorker, type WorkerHandle, type WorkerRuntime } from './handle.ts';
import { receiveError, type WorkerAnswer, type WorkerSetup } from './protocol.ts';

/** A batch whose worker died is read so many times before it is given up: it may be what kills them. */
const ATTEMPTS = 3;

/** A batch that somebody waits for. */
interface Job {
  readonly request: BatchRequest;
  readonly resolve: (batch: ReadBatch) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

/** The place of one worker, which is started when there is work for it. */
interface Place {
  worker: WorkerHandle | undefined;
  job: Job | undefined;
}

/** Reads batches in workers. */
export class WorkerPool {
  readonly #runtime: WorkerRuntime;
  readonly #setup: WorkerSetup;
  readonly #places: readonly Place[];
  readonly #queue: Job[] = [];
  #spare: (readonly ArrayBufferLike[])[] = [];
  #closed = false;

  constructor(count: number, runtime: WorkerRuntime, setup: WorkerSetup) {
    this.#runtime = runtime;
    this.#setup = setup;
    this.#places = Array.from({ length: count }, () => ({ worker: undefined, job: undefined }));
  }

  /** The process ids, or the thread ids, of the workers that run. */
  get ids(): number[] {
    return this.#places.flatMap(({ worker }) => (worker ? [worker.id] : []));
  }

  /**
   * Reads one batch.
   *
   * @throws what reading throws; DataError `worker-died` when workers die of this batch time and again
   */
  read(request: BatchRequest): Promise<ReadBatch> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject, attempts: 0 });
      this.#assign();
    });
  }

  /**
   * Takes the memory of batches that are over. That of one goes to a worker with each task: what a worker holds counts for
   * its garbage collector. Processes share no memory.
   */
  giveBack(batches: readonly (readonly ArrayBufferLike[])[]): void {
    if (this.#runtime === 'threads') this.#spare.push(...batches);
  }

  /** Ends the workers. Batches that are still being read are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = this.#places.flatMap(({ job }) => job ?? []);
    for (const job of [...running, ...this.#queue.splice(0)]) job.reject(new Error('the workers have been closed'));
    await Promise.all(this.#places.map(({ worker }) => worker?.end()));
    for (const place of this.#places) [place.worker, place.job] = [undefined, undefined];
  }

  /** Samples that are handed over as they are stay in memory of their own. */
  #shares(): boolean {
    return this.#runtime === 'threads' && !this.#setup.asSamples && copiesBatches();
  }

  #assign(): void {
    for (const place of this.#places) {
      if (place.job || this.#closed) continue;
      const job = this.#queue.shift();
      if (!job) return;
      this.#give(place, job);
    }
  }

  #give(place: Place, job: Job): void {
    const setup = place.worker ? undefined : this.#setup;
    place.worker ??= startWorker(this.#runtime, {
      answer: (answer) => this.#answered(place, answer),
      death: (cause) => this.#died(place, cause),
    });
    place.job = job;
    place.worker.keepAlive(true);
    try {
      place.worker.post({ setup, request: job.request, spare: this.#spare.shift(), shared: this.#shares() });
    } catch (cause) {
      void place.worker.end();
      [place.worker, place.job] = [undefined, undefined];
      job.reject(notCloneable(cause));
    }
  }

  #answered(place: Place, answer: WorkerAnswer): void {
    const { job } = place;
    place.job = undefined;
    place.worker?.keepAlive(false);
    if (answer.status === 'read') job?.resolve(answer.batch);
    else job?.reject(receiveError(answer.error));
    this.#assign();
  }

  #died(place: Place, cause: Error): void {
    const { job } = place;
    [place.worker, place.job] = [undefined, undefined];
    if (job) {
      job.attempts += 1;
      if (job.attempts < ATTEMPTS) this.#queue.unshift(job);
      else job.reject(workerDied(job.request, cause));
    }
    this.#assign();
  }
}

const notCloneable = (cause: unknown): ConfigError =>
  new ConfigError(
    `DataLoader: the dataset or the transform cannot be sent to a worker: ${messageOf(cause).replace(/\.$/, '')}`,
    {
      code: 'not-for-workers',
      help: 'give `fromModule` plain data only: numbers, strings, lists, objects and typed arrays',
      cause,
    },
  );

function workerDied({ indices }: BatchRequest, cause: unknown): DataError {
  const samples = indices.length > 8 ? `${indices.subarray(0, 8).join(', ')}, …` : indices.join(', ');
  return new DataError(`${ATTEMPTS} workers died while they read the samples ${samples}: ${messageOf(cause)}`, {
    code: 'worker-died',
    help: 'read these samples without workers to see why; if memory is short, use fewer workers or smaller batches',
    cause,
  });
}
