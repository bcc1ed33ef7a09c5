/** Random masks. Where the engine draws them itself, they come from two seeds, and so they can be a part of a compiled step. */
import { globalRandom } from './seed.ts';
import * as tf from './tf.ts';

/** The kernel by which an engine draws masks: of attributes `shape`, `probability`, `value` and two 32-bit `seed`s. */
export const BERNOULLI = 'KelvinBernoulli';

/**
 * A mask of independent draws, from Kelvin's random stream.
 *
 * @returns float32 of that shape: `value` with that probability, else 0
 */
export function bernoulli(shape: readonly number[], probability: number, value: number): tf.Tensor {
  const random = globalRandom();
  if (tf.getKernel(BERNOULLI, tf.getBackend())) {
    const seed = [random.bits() | 0, random.bits() | 0];
    const attrs = { shape: [...shape], probability, value, seed };
    return tf.engine().runKernel(BERNOULLI, {}, attrs as unknown as tf.NamedAttrMap) as tf.Tensor;
  }
  const mask = new Float32Array(tf.util.sizeFromShape([...shape]));
  random.fillBernoulli(mask, probability, value);
  return tf.tensor(mask, [...shape]);
}
