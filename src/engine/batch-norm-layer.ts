/**
 * tf.layers' batch normalisation composes its training pass of some sixty kernels. Here it is two operations, forward and
 * backward, of whoever has them, with the same values, gradients and moving statistics.
 */
import { share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { putBefore } from './layer-pass.ts';

/** The two operations. What the forward one saves is handed to the backward one. */
export interface BatchNormOperations {
  /** False where there are none at the moment: the layer's own pass is taken. Default: always there. */
  readonly ready?: () => boolean;
  readonly forward: (inputs: Record<'x' | 'scale' | 'offset', tf.Tensor>, epsilon: number) => NormalizedBatch;
  /** Gradients for the input, the scale and the offset. */
  readonly backward: (
    inputs: Record<'dy' | 'x' | 'scale', tf.Tensor>,
    saved: readonly tf.Tensor[],
    epsilon: number,
  ) => readonly tf.Tensor[];
}

/** What comes of the forward operation. */
export interface NormalizedBatch {
  readonly y: tf.Tensor;
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
  readonly saved: readonly tf.Tensor[];
}

/** What the layer has that is needed here. */
interface BatchNormLayer {
  readonly axis: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly gamma: LayerVariable | null;
  readonly beta: LayerVariable | null;
  readonly movingMean: LayerVariable;
  readonly movingVariance: LayerVariable;
}

interface LayerVariable {
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

/**
 * Puts the operations before the layer's own pass, which is still taken where the input does not fit them.
 *
 * @returns what undoes it
 */
export function replaceBatchNorm(operations: BatchNormOperations): () => void {
  return putBefore<BatchNormLayer>('BatchNormalization', {
    fits({ axis }, x, training) {
      const isLast = axis === -1 || axis === x.rank - 1;
      const fits = training && isLast && x.rank >= 2 && x.size > 0 && x.dtype === 'float32';
      return fits && operations.ready?.() !== false;
    },
    run: (layer, x) => normalize(layer, x, operations),
  });
}

function normalize(layer: BatchNormLayer, x: tf.Tensor, { forward, backward }: BatchNormOperations): tf.Tensor {
  const channels = [x.shape.at(-1) as number];
  const gamma = layer.gamma?.read() ?? tf.ones(channels);
  const beta = layer.beta?.read() ?? tf.zeros(channels);
  let statistics: tf.Tensor[] = [];
  const op = tf.customGrad((...given) => {
    const [input, scale, offset, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const { y, mean, variance, saved } = forward({ x: input, scale, offset }, layer.epsilon);
    statistics = [share(mean), share(variance)];
    save([input, scale, ...saved]);
    const gradFunc = (dy: tf.Tensor, [ofX, ofScale, ...rest]: tf.Tensor[]): tf.Tensor[] => [
      ...backward({ dy, x: ofX as tf.Tensor, scale: ofScale as tf.Tensor }, rest, layer.epsilon),
    ];
    return { value: y, gradFunc: gradFunc as never };
  });
  const y = op(x, gamma, beta);
  const decay = 1 - layer.momentum;
  [layer.movingMean, layer.movingVariance].forEach((moving, i) => {
    const old = moving.read();
    moving.write(tf.sub(old, tf.mul(tf.sub(old, statistics[i] as tf.Tensor), decay)));
  });
  tf.dispose(statistics);
  return y;
}

/**
 * The gradients for the input, the scale and the offset, of operations that have gradients themselves, with the batch's own
 * moments (Ioffe and Szegedy 2015).
 */
export function batchNormGradients(
  { dy, x, scale }: Record<'dy' | 'x' | 'scale', tf.Tensor>,
  epsilon: number,
  { mean, variance }: Record<'mean' | 'variance', tf.Tensor> = tf.moments(x, leadingAxes(x)),
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const axes = leadingAxes(x);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const normed = tf.mul(tf.sub(x, mean), inverse);
  const ofScale = tf.sum(tf.mul(dy, normed), axes);
  const ofOffset = tf.sum(dy, axes);
  const count = x.size / mean.size;
  const shared = tf.add(tf.mul(normed, tf.div(ofScale, count)), tf.div(ofOffset, count));
  return [tf.mul(tf.mul(tf.sub(dy, shared), inverse), scale), ofScale, ofOffset];
}

/** All axes but that of the channels, the last. */
export const leadingAxes = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, i) => i);
