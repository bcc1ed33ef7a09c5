/** How a kernel is put on the companion: in place of the one that is registered, which runs wherever it does not apply. */
import * as tf from '../../../core/tf.ts';
import { complete, type Info, type Workspace } from '../kernels.ts';
import { type Companion, companionOf } from './companion.ts';

/** What a kernel on the companion works with. */
export interface Bench {
  readonly run: Companion['run'];
  readonly work: Workspace;
}

/** Computes an output on the companion; undefined leaves it to the kernel that was there. */
type Accelerated<A extends object> = (inputs: Record<string, Info>, attrs: A, bench: Bench) => Info | undefined;

/** Registers it on the wasm backend. Inputs are float32 or 'other' dtypes as they come: the kernel says what it takes. */
export function accelerate<A extends object>(kernelName: string, compute: Accelerated<A>): void {
  complete<A>(kernelName, (inputs, attrs, work) => {
    const companion = companionOf(work.backend);
    const result = companion && compute(inputs, attrs, { run: companion.run, work });
    return result ?? work.native(inputs, attrs);
  });
}

export const isFloat = (tensor: Info | undefined): boolean => tensor?.dtype === 'float32';

export const sizeOf = (shape: readonly number[]): number => tf.util.sizeFromShape(shape as number[]);

/** Fills a tensor with zeros; its address. */
export function zeroed(tensor: Info, work: Workspace): number {
  work.floats(tensor).fill(0);
  return work.address(tensor);
}

/** Bytes that the products' scratch takes: one block of the left operand, and one tile. */
export const PRODUCT_SCRATCH = 96 * 256 * 4 + 6 * 8 * 4;

/** Bytes of [depth, columns] in panels of eight columns. */
export const panelBytes = (depth: number, columns: number): number => Math.ceil(columns / 8) * 32 * depth;
