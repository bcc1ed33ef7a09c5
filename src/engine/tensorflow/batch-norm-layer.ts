/**
 * tf.layers' batch normalisation composes its training pass of some sixty operations; here it is two of an engine that
 * has them, with the same values, gradients and moving statistics.
 */
import { hasFused, runFused } from '../../core/fused.ts';
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

/** Puts the fused pass before the layer's own, which is still taken where the engine has none or the input does not fit. */
export function fuseBatchNormLayers(): void {
  const [layer] = tf.serialization.SerializationMap.getMap().classNameMap.BatchNormalization ?? [];
  if (layer === undefined) return;
  const prototype = layer.prototype as { call: Call };
  const { call } = prototype;
  prototype.call = function (inputs, kwargs) {
    const x = Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs;
    const isLast = this.axis === -1 || this.axis === x.rank - 1;
    const fits = kwargs.training === true && isLast && x.rank >= 2 && x.dtype === 'float32' && x.size > 0;
    return (fits ? tf.tidy(() => normalize(this, x)) : undefined) ?? call.call(this, inputs, kwargs);
  };
}

function normalize(layer: BatchNormLayer, x: tf.Tensor): tf.Tensor | undefined {
  if (!hasFused('KelvinBatchNorm')) return undefined;
  const channels = [x.shape.at(-1) as number];
  const scale = layer.gamma?.read() ?? tf.ones(channels);
  const offset = layer.beta?.read() ?? tf.zeros(channels);
  const attrs = { epsilon: layer.epsilon };
  let statistics: tf.Tensor[] = [];
  const op = tf.customGrad((...given) => {
    const [input, gain, shift, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const outputs = runFused('KelvinBatchNorm', { x: input, scale: gain, offset: shift }, attrs);
    const [y, mean, variance, ...reserved] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    statistics = [share(mean), share(variance)];
    save([input, gain, ...reserved]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [ofX, ofScale, r1, r2, r3] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = { dy, x: ofX, scale: ofScale, r1, r2, r3 };
      return tf.engine().runKernel('KelvinBatchNormGrad', inputs, attrs) as tf.Tensor[];
    };
    return { value: y, gradFunc: gradFunc as never };
  });
  const y = op(x, scale, offset);
  const decay = 1 - layer.momentum;
  [layer.movingMean, layer.movingVariance].forEach((moving, i) => {
    const old = moving.read();
    moving.write(tf.sub(old, tf.mul(tf.sub(old, statistics[i] as tf.Tensor), decay)));
  });
  tf.dispose(statistics);
  return y;
}
