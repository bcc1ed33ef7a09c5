/** Layer normalisation over the last axis, and its gradient, in passes over rows that stay in the cache. */
import { offerFused } from '../../../core/fused.ts';
import type { Info } from '../kernels.ts';
import { addKernel, type Bench, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Registers KelvinLayerNorm, which gives y and each row's mean and 1 / √(variance + ε), and KelvinLayerNormGrad. */
export function accelerateLayerNorm(): void {
  addKernel<{ epsilon: number }>('KelvinLayerNorm', layerNorm);
  addKernel<object>('KelvinLayerNormGrad', gradient);
  offerFused('KelvinLayerNorm', hasCompanion);
}

function layerNorm(inputs: Record<string, Info>, { epsilon }: { epsilon: number }, bench: Bench): Info[] {
  const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', Info>;
  const { work } = bench;
  const count = x.shape.at(-1) as number;
  const rows = sizeOf(x.shape) / count;
  const [y, mean, inverse] = [work.allocate(x.shape), work.allocate([rows]), work.allocate([rows])];
  bench.share('layerNorm', { units: rows, time: sizeOf(x.shape) }, [
    along(work.address(x), count * 4),
    ...[scale, offset].map((one) => work.address(one)),
    along(work.address(y), count * 4),
    ...[mean, inverse].map((one) => along(work.address(one), 4)),
    ...[COUNT, count, epsilon],
  ]);
  return [y, mean, inverse];
}

/** Gradients for the input, the scale and the offset. */
function gradient(inputs: Record<string, Info>, _: object, bench: Bench): Info[] {
  const { dy, x, scale, mean, inverse } = inputs as Record<'dy' | 'x' | 'scale' | 'mean' | 'inverse', Info>;
  const { work } = bench;
  const count = x.shape.at(-1) as number;
  const rows = sizeOf(x.shape) / count;
  const [ofX, ofScale, ofOffset] = [work.allocate(x.shape), work.allocate(scale.shape), work.allocate(scale.shape)];
  bench.share('layerNormGradient', { units: rows, time: sizeOf(x.shape) }, [
    ...[x, dy].map((one) => along(work.address(one), count * 4)),
    work.address(scale),
    along(work.address(ofX), count * 4),
    ...[mean, inverse].map((one) => along(work.address(one), 4)),
    ...[COUNT, count],
  ]);
  bench.share('layerNormSums', { units: count, time: sizeOf(x.shape) / 2, align: 16 }, [
    ...[x, dy, ofScale, ofOffset].map((one) => along(work.address(one), 4)),
    along(work.reserve(count * 16), 16),
    ...[mean, inverse].map((one) => work.address(one)),
    ...[rows, COUNT, count],
  ]);
  return [ofX, ofScale, ofOffset];
}
