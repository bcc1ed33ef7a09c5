/**
 * Gradients registered in place of tfjs-core's: some that are slow (batch norm, sum and mean, which pass over the
 * whole input for what is needed per channel; relu) and some that fail (products that broadcast over batch dimensions,
 * gathers with more than one, dilated convolutions). They are composed of plain operations and fused where the engine
 * that runs has the kernel, so that they hold on every engine.
 */
import { runFused } from '../../core/fused.ts';
import * as tf from '../../core/tf.ts';
import { hasCompanion } from './companion/companion.ts';
import { completeCoreGradients, sumTo } from './core-gradients.ts';
import { dilationsOf, gradientsByKernels, gradientsBySpreading } from './dilated-gradients.ts';

let completed = false;

/** Registers the gradients of FusedBatchNorm, Conv2D, Relu, Relu6, Sum, Mean, BatchMatMul and GatherV2. */
export function completeGradients(): void {
  if (completed) return;
  completed = true;
  completeCoreGradients();
  replaceGradient(tf.FusedBatchNorm, (core) => (dy, saved, attrs) => {
    const [x, mean] = saved as [tf.Tensor, tf.Tensor];
    return mean.rank === 1 && x.rank > 1 ? batchNormGradient(dy as tf.Tensor, saved, attrs) : core(dy, saved, attrs);
  });
  for (const [kernel, ...kernels] of [
    [tf.Conv2D, tf.Conv2DBackpropInput, tf.Conv2DBackpropFilter],
    [tf.DepthwiseConv2dNative, tf.DepthwiseConv2dNativeBackpropInput, tf.DepthwiseConv2dNativeBackpropFilter],
  ] as const)
    replaceGradient(kernel, (core) => (dy, saved, attrs) => {
      const dilations = dilationsOf(attrs);
      if (!dilations) return core(dy, saved, attrs);
      // The kernels have no gradients of their own.
      const heeded = hasCompanion() && !tf.engine().isTapeOn();
      if (heeded) return gradientsByKernels(kernels, dy as tf.Tensor, saved, attrs);
      return gradientsBySpreading(core, dy as tf.Tensor, saved, attrs, dilations);
    });
  for (const [kernel, high] of [
    [tf.Relu, Number.POSITIVE_INFINITY],
    [tf.Relu6, 6],
  ] as const)
    replaceGradient(kernel, () => (dys, saved) => {
      const [x, dy] = [saved[0] as tf.Tensor, dys as tf.Tensor];
      return {
        x: () => runFused('KelvinClippedGrad', { x, dy }, { low: 0, high })?.[0] ?? clippedGradient(x, dy, high),
      };
    });
  replaceGradient(tf.Sum, () => (dy, saved, attrs) => {
    const [x] = saved as [tf.Tensor];
    return { x: () => spreadOver(dy as tf.Tensor, x.shape, attrs as unknown as tf.SumAttrs, () => 1) };
  });
  replaceGradient(tf.Mean, () => (dy, saved, attrs) => {
    const [x] = saved as [tf.Tensor];
    return { x: () => spreadOver(dy as tf.Tensor, x.shape, attrs as unknown as tf.MeanAttrs, (count) => 1 / count) };
  });
  replaceGradient(tf.BatchMatMul, (core) => (dy, saved, attrs) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    const gradients = core(dy, saved, attrs) as Record<'a' | 'b', () => tf.Tensor>;
    return { a: () => sumTo(gradients.a(), a.shape), b: () => sumTo(gradients.b(), b.shape) };
  });
  replaceGradient(tf.GatherV2, () => (dy, saved, attrs) => {
    const [x, indices] = saved as [tf.Tensor, tf.Tensor];
    const { axis, batchDims } = attrs as unknown as tf.GatherV2Attrs;
    return { x: () => gatherGradient(dy as tf.Tensor, x, indices, axis, batchDims), indices: () => indices };
  });
}

function replaceGradient(kernelName: string, make: (core: tf.GradFunc) => tf.GradFunc): void {
  const config = tf.getGradient(kernelName);
  tf.unregisterGradient(kernelName);
  tf.registerGradient({ ...config, gradFunc: make(config.gradFunc) });
}

/** dy where low < x ≤ high or x is NaN, of which no comparison holds, else 0. */
function clippedGradient(x: tf.Tensor, dy: tf.Tensor, high: number): tf.Tensor {
  const off =
    high === Number.POSITIVE_INFINITY ? tf.lessEqual(x, 0) : tf.logicalOr(tf.lessEqual(x, 0), tf.greater(x, high));
  return tf.mul(dy, tf.cast(tf.logicalNot(off), 'float32'));
}

/**
 * Batch norm with one mean per channel: y = (x - mean) · g + offset, g = scale / √(variance + ε). All of it needs two
 * sums over the input, of dy and of dy · (x - mean); the rest are vectors as long as the channels.
 */
function batchNormGradient(dy: tf.Tensor, saved: tf.Tensor[], attrs: tf.NamedAttrMap): Record<string, () => tf.Tensor> {
  const [x, mean, variance, scale] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | undefined];
  const { varianceEpsilon } = attrs as unknown as tf.FusedBatchNormAttrs;
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const inverse = tf.rsqrt(tf.add(variance, varianceEpsilon));
  const gain = scale ? tf.mul(inverse, scale) : inverse;
  const fused = runFused('KelvinCentredSums', { x, mean, dy }, {});
  const [total, centred] = (fused ?? [tf.sum(dy, axes), tf.sum(tf.mul(dy, tf.sub(x, mean)), axes)]) as [
    tf.Tensor,
    tf.Tensor,
  ];
  return {
    x: () => tf.mul(dy, gain),
    mean: () => tf.neg(tf.mul(gain, total)),
    variance: () => tf.mul(-0.5, tf.mul(tf.mul(gain, tf.square(inverse)), centred)),
    scale: () => tf.mul(inverse, centred),
    offset: () => tf.clone(total),
  };
}

/** The gradient of a reduction: the small gradient, scaled while it is small, repeated along the reduced axes. */
function spreadOver(
  dy: tf.Tensor,
  shape: number[],
  attrs: { axis: number | number[] },
  scaleOf: (count: number) => number,
): tf.Tensor {
  if (tf.util.sizeFromShape(shape) === 0) return tf.zeros(shape);
  const axes = tf.util.parseAxisParam(attrs.axis, shape);
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const scale = scaleOf(tf.util.sizeFromShape(shape) / tf.util.sizeFromShape(kept));
  const scaled = scale === 1 ? dy : tf.mul(dy, scale);
  return tf.broadcastTo(tf.reshape(scaled, kept), shape);
}

/** Adds each gathered slice's gradient back to where the slice came from, all batches in one segment sum. */
function gatherGradient(dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor, axis: number, batchDims: number): tf.Tensor {
  const parsed = tf.util.parseAxisParam(axis, x.shape)[0] as number;
  const shapes = tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, parsed, batchDims);
  const { batchSize, outerSize, dimSize, sliceSize } = shapes;
  const blocks = batchSize * outerSize;
  const perBatch = tf.reshape(tf.cast(indices, 'int32'), [batchSize, 1, indices.size / batchSize]);
  const offsets = tf.reshape(tf.range(0, blocks, 1, 'int32'), [batchSize, outerSize, 1]);
  const segments = tf.add(perBatch, tf.mul(offsets, tf.scalar(dimSize, 'int32')));
  const rows = tf.reshape(dy, [segments.size, sliceSize]);
  const sums = tf.unsortedSegmentSum(rows as tf.Tensor2D, tf.reshape(segments, [segments.size]), blocks * dimSize);
  return tf.reshape(sums, x.shape);
}
