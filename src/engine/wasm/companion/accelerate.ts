/** How a kernel is put on the companion: in place of the one that is registered, which runs wherever it does not apply. */
import * as tf from '../../../core/tf.ts';
import { complete, type Info, type Workspace } from '../kernels.ts';
import { type Argument, ownRoom, type Part, wholeOf } from './arguments.ts';
import { type Companion, companionOf, type Routine } from './companion.ts';
import { threadsWanted } from './level.ts';

/** Computes an output on the companion; undefined leaves it to the kernel that was there. */
type Accelerated<A extends object> = (inputs: Record<string, Info>, attrs: A, bench: Bench) => Info | undefined;

/** Work that is to be shared out. */
export interface Work {
  /** How many units there are: rows, images, values. */
  readonly units: number;
  /** About how long one thread takes for all of it, in nanoseconds: what is short stays on one. */
  readonly time: number;
  /** Chunks are a multiple of this many units. Default: 1. */
  readonly align?: number;
}

/** A chunk that takes less than this (in ns) is not worth the handing over. */
const WORTH_SHARING = 15_000;

/** Chunks per thread: some more than one, so that a thread that is held up does not hold up all. */
const CHUNKS = 3;

/** Values that a product's scratch takes: one block of the left operand, one tile, and what patches are packed with. */
const PRODUCT_SCRATCH = 96 * 256 + 6 * 8 + 256 + 6 * 3;

/** What a kernel on the companion works with. */
export class Bench {
  readonly run: Companion['run'];
  readonly work: Workspace;
  readonly threads: number;
  readonly #pool: Companion['pool'];

  constructor({ run, pool }: Companion, work: Workspace) {
    this.run = run;
    this.work = work;
    this.threads = pool ? threadsWanted() : 1;
    this.#pool = pool;
  }

  /** Runs a routine on as many threads as its work is worth. */
  share(routine: Routine, { units, time, align = 1 }: Work, given: readonly Argument[]): void {
    const groups = Math.ceil(units / align);
    const chunks = Math.min(groups, this.threads * CHUNKS, Math.floor(time / WORTH_SHARING));
    if (this.threads === 1 || chunks < 2 || !this.#pool) this.run[routine](...wholeOf(given, units));
    else this.#pool.compute(routine, units, Math.ceil(groups / chunks) * align, this.threads, given);
  }

  /** Room for each thread, freed when the call ends. */
  reserveEach(bytes: number): Part {
    const threads = Math.max(this.threads, this.#pool?.size ?? 1);
    return ownRoom(this.work.reserve(bytes * threads), bytes);
  }

  /** The scratch of matMul and its like, for each thread. */
  productScratch(): Part {
    return this.reserveEach(PRODUCT_SCRATCH * 4);
  }
}

/** Registers it on the wasm backend. Inputs are float32 or 'other' dtypes as they come: the kernel says what it takes. */
export function accelerate<A extends object>(kernelName: string, compute: Accelerated<A>): void {
  complete<A>(kernelName, (inputs, attrs, work) => {
    const companion = companionOf(work.backend);
    const result = companion && compute(inputs, attrs, new Bench(companion, work));
    return result ?? work.native(inputs, attrs);
  });
}

/** Registers a kernel of Kelvin's own, which runs only where the companion does. */
export function addKernel<A extends object>(
  kernelName: string,
  compute: (inputs: Record<string, Info>, attrs: A, bench: Bench) => Info | Info[],
): void {
  complete<A>(kernelName, (inputs, attrs, work) => {
    return compute(inputs, attrs, new Bench(companionOf(work.backend) as Companion, work));
  });
}

export const isFloat = (tensor: Info | undefined): boolean => tensor?.dtype === 'float32';

export const sizeOf = (shape: readonly number[]): number => tf.util.sizeFromShape(shape as number[]);

/** Bytes of [depth, columns] in panels of eight columns. */
export const panelBytes = (depth: number, columns: number): number => Math.ceil(columns / 8) * 32 * depth;
