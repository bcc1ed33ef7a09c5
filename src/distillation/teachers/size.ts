/** How large a network is. */
import type * as tf from '../../core/tf.ts';

/** Weights, and what they take in memory. */
export interface NetworkSize {
  readonly parameters: number;
  readonly bytes: number;
}

/** Counts the values of weights and their bytes. */
export function sizeOf(weights: readonly tf.Tensor[]): NetworkSize {
  return {
    parameters: weights.reduce((sum, { size }) => sum + size, 0),
    bytes: weights.reduce((sum, { size, dtype }) => sum + size * (dtype === 'bool' ? 1 : 4), 0),
  };
}
