/** Batch normalisation in one pass, and in one more the two sums that its gradient needs. */
import { offerFused } from '../../../core/fused.ts';
import * as tf from '../../../core/tf.ts';
import type { Info } from '../kernels.ts';
import { accelerate, addKernel, isFloat, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Registers FusedBatchNorm and the kernel of the sums. */
export function accelerateBatchNorm(): void {
  accelerate<tf.FusedBatchNormAttrs>(tf.FusedBatchNorm, (inputs, { varianceEpsilon }, bench) => {
    const { work } = bench;
    const { x, mean, variance } = inputs as Record<'x' | 'mean' | 'variance', Info>;
    const given = [mean, variance, inputs.offset, inputs.scale].filter((one) => one !== undefined);
    const channels = x.shape.at(-1);
    const perChannel = given.every((one) => isFloat(one) && one.shape.length === 1 && one.shape[0] === channels);
    if (!isFloat(x) || !perChannel || sizeOf(x.shape) === 0) return undefined;
    const [gain, shift, out] = [work.allocate(mean.shape), work.allocate(mean.shape), work.allocate(x.shape)];
    const { offset, scale } = inputs;
    const [gains, variances, scales] = [work.floats(gain), work.floats(variance), scale && work.floats(scale)];
    for (let c = 0; c < gains.length; c++)
      gains[c] = (scales ? (scales[c] as number) : 1) / Math.sqrt((variances[c] as number) + varianceEpsilon);
    if (!offset) work.floats(shift).fill(0);
    const vectors = [mean, gain, offset ?? shift].map((one) => work.address(one));
    const [size, pixel] = [sizeOf(x.shape), gains.length * 4];
    bench.share('batchNorm', { units: size / gains.length, time: size / 2 }, [
      along(work.address(x), pixel),
      ...vectors,
      along(work.address(out), pixel),
      ...[COUNT, gains.length],
    ]);
    return out;
  });
  addKernel<object>('KelvinCentredSums', (inputs, _, bench) => {
    const { x, mean, dy } = inputs as { x: Info; mean: Info; dy: Info };
    const { work } = bench;
    const [total, centred] = [work.allocate(mean.shape), work.allocate(mean.shape)];
    const channels = mean.shape[0] as number;
    const sums = along(work.reserve(channels * 16), 16);
    const rows = channels === 0 ? 0 : sizeOf(x.shape) / channels;
    bench.share('centredSums', { units: channels, time: rows * channels, align: 16 }, [
      ...[x, mean, dy, total, centred].map((one) => along(work.address(one), 4)),
      ...[sums, rows, COUNT, channels],
    ]);
    return [total, centred];
  });
  offerFused('KelvinCentredSums', hasCompanion);
}
