/** Max pooling and the gradients of both poolings on the companion. */
import * as tf from '../../../core/tf.ts';
import type { Info } from '../kernels.ts';
import { accelerate, type Bench, isFloat, sizeOf, zeroed } from './accelerate.ts';

/** Registers MaxPool, MaxPoolGrad and AvgPoolGrad. */
export function acceleratePooling(): void {
  accelerate<tf.MaxPoolAttrs>(tf.MaxPool, (inputs, attrs, bench) => {
    const x = inputs.x as Info;
    const g = geometryOf(x.shape, attrs);
    if (!isFloat(x) || sizeOf(x.shape) === 0) return undefined;
    const { run, work } = bench;
    const out = work.allocate(g.outShape);
    run.maxPool(work.address(x), work.address(out), ...window(g));
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

const window = (g: Geometry): number[] => [
  ...[g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth, g.filterHeight, g.filterWidth],
  ...[g.strideHeight, g.strideWidth, g.padInfo.top, g.padInfo.left, 0, g.batchSize],
];

function gradient(
  shape: number[],
  attrs: PoolAttrs,
  given: Info[],
  { run, work }: Bench,
  routine: 'maxPoolGradient' | 'avgPoolGradient',
): Info | undefined {
  if (!given.every(isFloat)) return undefined;
  const out = work.allocate(shape);
  const to = zeroed(out, work);
  if (sizeOf(shape) > 0)
    run[routine](...given.map((one) => work.address(one)), to, ...window(geometryOf(shape, attrs)));
  return out;
}
