/** Puts a pass of Kelvin's before that of a kind of tf.layers' layers, for the inputs that it fits. */
import * as tf from '../core/tf.ts';

type Call<L> = (this: L, inputs: tf.Tensor | tf.Tensor[], kwargs?: { training?: boolean }) => tf.Tensor;

/** A pass for one kind of layer, of which `L` is what it needs to know. */
export interface LayerPass<L> {
  readonly fits: (layer: L, x: tf.Tensor, training: boolean) => boolean;
  /** Runs in a `tidy`. */
  readonly run: (layer: L, x: tf.Tensor) => tf.Tensor;
}

/**
 * Computes layers of a class by the pass where it fits, else as they do themselves.
 *
 * @param className as tf.layers registers it, such as `Conv2D`
 * @returns what undoes it
 */
export function putBefore<L>(className: string, { fits, run }: LayerPass<L>): () => void {
  const [layer] = tf.serialization.SerializationMap.getMap().classNameMap[className] ?? [];
  if (layer === undefined) return () => {};
  const prototype = layer.prototype as { call: Call<L> };
  const { call } = prototype;
  prototype.call = function (inputs, kwargs) {
    const x = Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs;
    return fits(this, x, kwargs?.training === true) ? tf.tidy(() => run(this, x)) : call.call(this, inputs, kwargs);
  };
  return () => {
    prototype.call = call;
  };
}

const put = new Set<string>();

/** {@link putBefore} for as long as the process lives. A second call for the same class does nothing. */
export function putOnce<L>(className: string, pass: LayerPass<L>): void {
  if (put.has(className)) return;
  put.add(className);
  putBefore(className, pass);
}

/** A layer with an activation, as tf.layers has it. */
export interface ActivatedLayer {
  readonly activation: { getClassName(): string } | null;
}

/** The activation's name: `'linear'` without one. */
export const activationOf = ({ activation }: ActivatedLayer): string => activation?.getClassName() ?? 'linear';
