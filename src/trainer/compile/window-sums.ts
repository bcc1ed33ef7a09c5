/** The sums of the accumulation window, as a step's inputs and outputs. */
import type { Gradients } from '../../core/contracts.ts';
import type * as tf from '../../core/tf.ts';

/** What their names begin with. */
export const WINDOW = 'window ';

/** The tensors of a batch, and the sums that a step goes on with. */
export function withSums(tensors: ReadonlyMap<string, tf.Tensor>, sums: Gradients): ReadonlyMap<string, tf.Tensor> {
  const inputs = new Map(tensors);
  for (const name in sums) inputs.set(`${WINDOW}${name}`, sums[name] as tf.Tensor);
  return inputs;
}
