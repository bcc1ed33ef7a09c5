/** Batch normalisation in two passes, moments and all, its gradient in two more, and the pass with given moments in one. */
import { offerFused } from '../../../core/fused.ts';
import * as tf from '../../../core/tf.ts';
import type { Info } from '../kernels.ts';
import { accelerate, addKernel, type Bench, isFloat, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Registers FusedBatchNorm, KelvinCentredSums, KelvinBatchNorm and KelvinBatchNormGrad. */
export function accelerateBatchNorm(): void {
  accelerate<tf.FusedBatchNormAttrs>(tf.FusedBatchNorm, (inputs, { varianceEpsilon }, bench) => {
    const { work } = bench;
    const { x, mean, variance } = inputs as Record<'x' | 'mean' | 'variance', Info>;
    const given = [mean, variance, inputs.offset, inputs.scale].filter((one) => one !== undefined);
    const channels = x.shape.at(-1);
    const perChannel = given.every((one) => isFloat(one) && one.shape.length === 1 && one.shape[0] === channels);
    if (!isFloat(x) || !perChannel || sizeOf(x.shape) === 0) return undefined;
    const out = work.allocate(x.shape);
    const { offset, scale } = inputs;
    const gain = gainsOf(variance, scale, varianceEpsilon, bench);
    const shift = offset ?? work.allocate(mean.shape);
    if (!offset) work.floats(shift).fill(0);
    normalize(x, { mean, gain, shift }, out, bench);
    return out;
  });
  addKernel<object>('KelvinCentredSums', (inputs, _, bench) => {
    const { x, mean, dy } = inputs as { x: Info; mean: Info; dy: Info };
    return centredSums(x, mean, dy, bench);
  });
  addKernel<{ epsilon: number }>('KelvinBatchNorm', (inputs, { epsilon }, bench) => {
    const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', Info>;
    const { work } = bench;
    const [out, mean, variance] = [work.allocate(x.shape), work.allocate(scale.shape), work.allocate(scale.shape)];
    const { rows, channels } = extentsOf(x);
    bench.share('moments', { units: channels, time: rows * channels, align: 16 }, [
      ...[x, mean, variance].map((one) => along(work.address(one), 4)),
      ...[along(work.reserve(channels * 16), 16), rows, COUNT, channels],
    ]);
    normalize(x, { mean, gain: gainsOf(variance, scale, epsilon, bench), shift: offset }, out, bench);
    return [out, mean, variance];
  });
  addKernel<{ epsilon: number }>('KelvinBatchNormGrad', batchNormGradient);
  for (const kernel of ['KelvinCentredSums', 'KelvinBatchNorm'] as const) offerFused(kernel, hasCompanion);
}

function extentsOf(x: Info): { readonly rows: number; readonly channels: number } {
  const channels = x.shape.at(-1) as number;
  return { rows: channels === 0 ? 0 : sizeOf(x.shape) / channels, channels };
}

/** scale / √(variance + ε) for each channel. */
function gainsOf(variance: Info, scale: Info | undefined, epsilon: number, { work }: Bench): Info {
  const gain = work.allocate(variance.shape);
  const [gains, variances, scales] = [work.floats(gain), work.floats(variance), scale && work.floats(scale)];
  for (let c = 0; c < gains.length; c++)
    gains[c] = (scales ? (scales[c] as number) : 1) / Math.sqrt((variances[c] as number) + epsilon);
  return gain;
}

type PerChannel = Readonly<Record<'mean' | 'gain' | 'shift', Info>>;

function normalize(x: Info, { mean, gain, shift }: PerChannel, out: Info, bench: Bench): void {
  const { rows, channels } = extentsOf(x);
  const { work } = bench;
  bench.share('batchNorm', { units: rows, time: (rows * channels) / 2 }, [
    along(work.address(x), channels * 4),
    ...[mean, gain, shift].map((one) => work.address(one)),
    along(work.address(out), channels * 4),
    ...[COUNT, channels],
  ]);
}

/** Σ dy and Σ dy · (x - mean) for each channel. */
function centredSums(x: Info, mean: Info, dy: Info, bench: Bench): [Info, Info] {
  const { work } = bench;
  const [total, centred] = [work.allocate(mean.shape), work.allocate(mean.shape)];
  const { rows, channels } = extentsOf(x);
  bench.share('centredSums', { units: channels, time: rows * channels, align: 16 }, [
    ...[x, mean, dy, total, centred].map((one) => along(work.address(one), 4)),
    ...[along(work.reserve(channels * 16), 16), rows, COUNT, channels],
  ]);
  return [total, centred];
}

/** With n = (x - mean) / √(variance + ε): dx = gain · (dy - mean of dy - n · mean of dy · n) (Ioffe and Szegedy 2015). */
function batchNormGradient(inputs: Record<string, Info>, { epsilon }: { epsilon: number }, bench: Bench): Info[] {
  const { dy, x, scale, mean, variance } = inputs as Record<'dy' | 'x' | 'scale' | 'mean' | 'variance', Info>;
  const { work } = bench;
  const { rows, channels } = extentsOf(x);
  const out = work.allocate(x.shape);
  const [ofOffset, ofScale] = centredSums(x, mean, dy, bench);
  const gain = gainsOf(variance, scale, epsilon, bench);
  const [slope, shift] = [work.allocate(mean.shape), work.allocate(mean.shape)];
  const [gains, slopes, shifts] = [gain, slope, shift].map((one) => work.floats(one)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [totals, centred, variances] = [work.floats(ofOffset), work.floats(ofScale), work.floats(variance)];
  for (let c = 0; c < channels; c++) {
    const inverse = 1 / Math.sqrt((variances[c] as number) + epsilon);
    const [factor, sum] = [gains[c] as number, centred[c] as number];
    slopes[c] = (-factor * inverse * inverse * sum) / rows;
    shifts[c] = (-factor * (totals[c] as number)) / rows;
    centred[c] = sum * inverse;
  }
  bench.share('batchNormGradient', { units: rows, time: (rows * channels) / 2 }, [
    ...[x, dy, out].map((one) => along(work.address(one), channels * 4)),
    ...[mean, gain, slope, shift].map((one) => work.address(one)),
    ...[COUNT, channels],
  ]);
  return [out, ofScale, ofOffset];
}
