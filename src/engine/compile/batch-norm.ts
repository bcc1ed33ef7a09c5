/**
 * Batch normalisation in training as two operations, forward and backward, while a step is recorded. tfjs composes it of
 * some sixty kernels, which no later pass could put together again.
 */
import { asOperation } from '../../core/recording.ts';
import { share } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';

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

type Call = (this: BatchNormLayer, inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }) => tf.Tensor;

/** Makes every batch normalisation layer two operations. Returns what undoes it. */
export function withWholeBatchNorm(): () => void {
  const [layer] = tf.serialization.SerializationMap.getMap().classNameMap.BatchNormalization ?? [];
  if (layer === undefined) return () => {};
  const prototype = layer.prototype as { call: Call };
  const { call } = prototype;
  prototype.call = function (inputs, kwargs) {
    const x = Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs;
    const isLast = this.axis === -1 || this.axis === x.rank - 1;
    const fits = kwargs.training === true && isLast && x.rank >= 2 && x.size > 0 && x.dtype === 'float32';
    return fits ? tf.tidy(() => normalize(this, x)) : call.call(this, inputs, kwargs);
  };
  return () => {
    prototype.call = call;
  };
}

function normalize(layer: BatchNormLayer, x: tf.Tensor): tf.Tensor {
  const channels = [x.shape.at(-1) as number];
  const scale = layer.gamma?.read() ?? tf.ones(channels);
  const offset = layer.beta?.read() ?? tf.zeros(channels);
  const attrs = { epsilon: layer.epsilon };
  let statistics: readonly tf.Tensor[] = [];
  const op = tf.customGrad((...given) => {
    const [input, gain, shift, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const [y, mean, variance] = asOperation('BatchNormTrain', { x: input, scale: gain, offset: shift }, attrs, () =>
      forward(input, gain, shift, layer.epsilon),
    );
    save([input, gain, mean, variance]);
    statistics = [share(mean), share(variance)];
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [ofX, ofScale, of, variances] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = { dy, x: ofX, scale: ofScale, mean: of, variance: variances };
      return [...asOperation('BatchNormTrainGrad', inputs, attrs, () => backward(inputs, layer.epsilon))];
    };
    return { value: y, gradFunc: gradFunc as never };
  });
  const y = op(x, scale, offset);
  const decay = 1 - layer.momentum;
  [layer.movingMean, layer.movingVariance].forEach((moving, i) => {
    const old = moving.read();
    moving.write(tf.sub(old, tf.mul(tf.sub(old, statistics[i] as tf.Tensor), decay)));
  });
  tf.dispose([...statistics]);
  return y;
}

type Three = [tf.Tensor, tf.Tensor, tf.Tensor];

function forward(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: number): Three {
  const { mean, variance } = tf.moments(x, leadingAxes(x));
  const normed = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return [tf.add(tf.mul(normed, scale), offset), mean, variance];
}

/** Ioffe and Szegedy 2015: gradients for the input, the scale and the offset. */
function backward(
  { dy, x, scale, mean, variance }: Record<'dy' | 'x' | 'scale' | 'mean' | 'variance', tf.Tensor>,
  epsilon: number,
): Three {
  const axes = leadingAxes(x);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const normed = tf.mul(tf.sub(x, mean), inverse);
  const ofScale = tf.sum(tf.mul(dy, normed), axes);
  const ofOffset = tf.sum(dy, axes);
  const count = x.size / mean.size;
  const shared = tf.add(tf.mul(normed, tf.div(ofScale, count)), tf.div(ofOffset, count));
  return [tf.mul(tf.mul(tf.sub(dy, shared), inverse), scale), ofScale, ofOffset];
}

const leadingAxes = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, i) => i);
