/** Both poolings and their gradients on the companion. */
import * as tf from '../../../core/tf.ts';
import type { Info } from '../kernels.ts';
import { accelerate, type Bench, isFloat, sizeOf } from './accelerate.ts';
import { END, START } from './arguments.ts';

/** Registers MaxPool, AvgPool, MaxPoolGrad and AvgPoolGrad. */
export function acceleratePooling(): void {
  for (const kernel of [tf.MaxPool, tf.AvgPool])
    accelerate<PoolAttrs>(kernel, (inputs, attrs, bench) => {
      const x = inputs.x as Info;
      const g = geometryOf(x.shape, attrs);
      if (!isFloat(x) || sizeOf(g.outShape) === 0 || sizeOf(x.shape) === 0) return undefined;
      const out = bench.work.allocate(g.outShape);
      slide(bench, 'pool', [x, out], g, [kernel === tf.AvgPool ? 1 : 0]);
      return out;
    });
  accelerate<tf.MaxPoolGradAttrs>(tf.MaxPoolGrad, (inputs, attrs, bench) => {
    const { dy, input } = inputs as { dy: Info; input: Info };
    return gradient(input.shape, attrs, [input, dy], bench, 'maxPoolGradient');
  });
  accelerate<tf.AvgPoolGradAttrs>(tf.AvgPoolGrad, (inputs, attrs, bench) => {
    const { dy, input } = inputs as { dy: Info; input: Info };
    return gradient(input.shape, attrs, [dy], bench, 'avgPoolGradient');
  });
}

type PoolAttrs = Pick<tf.MaxPoolAttrs, 'filterSize' | 'strides' | 'pad' | 'dimRoundingMode'>;
type Geometry = ReturnType<typeof tf.backend_util.computePool2DInfo>;

function geometryOf(shape: number[], { filterSize, strides, pad, dimRoundingMode }: PoolAttrs): Geometry {
  const image = shape as [number, number, number, number];
  return tf.backend_util.computePool2DInfo(image, filterSize, strides, 1, pad, dimRoundingMode);
}

type Routine = 'pool' | 'maxPoolGradient' | 'avgPoolGradient';

/** Shared out by images. */
function slide(
  bench: Bench,
  routine: Routine,
  tensors: readonly Info[],
  g: Geometry,
  flags: readonly number[] = [],
): void {
  const time = sizeOf(g.outShape) * g.filterHeight * g.filterWidth;
  bench.share(routine, { units: g.batchSize, time }, [
    ...flags,
    ...tensors.map((one) => bench.work.address(one)),
    ...[g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth, g.filterHeight, g.filterWidth],
    ...[g.strideHeight, g.strideWidth, g.padInfo.top, g.padInfo.left, START, END],
  ]);
}

function gradient(
  shape: number[],
  attrs: PoolAttrs,
  given: Info[],
  bench: Bench,
  routine: 'maxPoolGradient' | 'avgPoolGradient',
): Info | undefined {
  if (!given.every(isFloat)) return undefined;
  const out = bench.work.allocate(shape);
  if (sizeOf(shape) > 0) slide(bench, routine, [...given, out], geometryOf(shape, attrs));
  return out;
}
