/**
 * Batch normalisation with one mean per channel, in three passes that XNNPACK runs: the backend's own loop computes
 * the broadcast index of every element and takes three times as long.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers FusedBatchNorm. */
export function completeBatchNorm(): void {
  complete<tf.FusedBatchNormAttrs>(tf.FusedBatchNorm, batchNorm);
}

/** (x - mean) · scale / √(variance + ε) + offset; subtracting first keeps the digits where the mean is large. */
function batchNorm(inputs: Record<string, Info>, attrs: tf.FusedBatchNormAttrs, work: Workspace): Info {
  const { x, mean, variance, offset, scale } = inputs as Record<'x' | 'mean' | 'variance', Info> & {
    offset?: Info;
    scale?: Info;
  };
  const perChannel = [mean, variance, offset, scale].every((one) => !one || one.shape.length === 1);
  if (!perChannel || x.shape.length === 0 || tf.util.sizeFromShape(x.shape) === 0) return work.native(inputs, attrs);
  const gain = work.allocate(mean.shape);
  const [gains, variances, scales] = [work.floats(gain), work.floats(variance), scale && work.floats(scale)];
  for (let c = 0; c < gains.length; c++)
    gains[c] = (scales ? (scales[c] as number) : 1) / Math.sqrt((variances[c] as number) + attrs.varianceEpsilon);
  const centred = work.run(tf.Sub, { a: x, b: mean });
  const scaled = work.run(tf.Multiply, { a: centred, b: gain });
  return offset ? work.run(tf.Add, { a: scaled, b: offset }) : scaled;
}
