/**
 * A loss for each of several optimizers, from one forward pass. tfjs differentiates one result of a pass; the others are
 * differentiated within the pass, as for higher derivatives, while its tape still grows.
 */
import type { StepOutput } from '../core/contracts.ts';
import { disposeTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { type OptimizerLoss, withoutMissing } from './loss.ts';
import { parametersOf } from './optimization.ts';

/** What the backward passes came to. The tensors are kept: they belong to whoever disposes of this. */
export class SeveralGradients {
  readonly losses: tf.Scalar[] = [];
  readonly gradients: Record<string, tf.Tensor> = {};

  /**
   * Differentiates each loss by the parameters of its optimizer. Called within the forward pass.
   *
   * @param before hears of each loss first
   */
  add(losses: readonly OptimizerLoss[], before: (loss: tf.Scalar) => void = () => {}): void {
    for (const { loss, by } of losses) {
      before(loss);
      const { value, grads } = tf.variableGrads(() => loss, parametersOf(by.optimizer));
      this.losses.push(tf.keep(value));
      for (const [name, gradient] of Object.entries(withoutMissing(grads))) this.gradients[name] = tf.keep(gradient);
    }
  }

  /** The sum of the losses, which is what the step reports beside them. */
  output(extras: Readonly<Record<string, unknown>>): StepOutput {
    const loss = tf.tidy(() => tf.addN(this.losses)) as tf.Scalar;
    disposeTensors(this.losses);
    return { ...extras, loss };
  }

  dispose(): void {
    disposeTensors([this.losses, this.gradients]);
  }
}

/** Something for the pass to return when its losses have been dealt with: it only has to depend on a parameter. */
export function anchor(parameters: readonly tf.Variable[]): tf.Scalar {
  const some = parameters.find(({ trainable }) => trainable) as tf.Variable;
  return tf.sum(some) as tf.Scalar;
}
