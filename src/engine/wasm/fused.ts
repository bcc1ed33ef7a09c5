/**
 * Fused kernels as their parts: the product or convolution, the bias, the activation. So the companion computes them, and
 * so they are computed where the backend's own do not take a bias of another rank than 1.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

const PLAIN = [
  [tf._FusedMatMul, tf.BatchMatMul],
  [tf.FusedConv2D, tf.Conv2D],
  [tf.FusedDepthwiseConv2D, tf.DepthwiseConv2dNative],
] as const;

/** Registers the fused kernels for any bias that broadcasts. */
export function completeFused(): void {
  for (const [fused, plain] of PLAIN)
    complete<Activated>(fused, (inputs, attrs, work) => {
      const { bias, preluActivationWeights, ...operands } = inputs;
      if (bias === undefined || bias.shape.length === 1) return work.native(inputs, attrs);
      return finish(work.run(plain, operands, attrs), { bias, preluActivationWeights }, attrs, work);
    });
}

interface Activated {
  readonly activation: string;
  readonly leakyreluAlpha?: number | undefined;
}

interface Finishing {
  readonly bias: Info | undefined;
  readonly preluActivationWeights: Info | undefined;
}

const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: tf.Relu,
  relu6: tf.Relu6,
  elu: tf.Elu,
  sigmoid: tf.Sigmoid,
};

/** Adds the bias and applies the activation of a fused kernel, by the kernels that do just that. */
export function finish(
  product: Info,
  { bias, preluActivationWeights }: Finishing,
  { activation, leakyreluAlpha }: Activated,
  work: Workspace,
): Info {
  const x = bias ? work.run(tf.Add, { a: product, b: bias }) : product;
  if (activation === 'linear' || !activation) return x;
  if (activation === 'leakyrelu') return work.run(tf.LeakyRelu, { x }, { alpha: leakyreluAlpha });
  if (activation === 'prelu') return work.run(tf.Prelu, { x, alpha: preluActivationWeights as Info });
  const kernel = ACTIVATIONS[activation];
  tf.util.assert(kernel !== undefined, () => `activation ${activation} is not known to fused kernels`);
  return work.run(kernel as string, { x });
}
