/**
 * Takes the outputs of layers while a network runs, so that one forward pass gives logits and all taps. The layers' `call`
 * is replaced for the length of that pass alone: the network is not rebuilt, nested and shared layers need no care, and a
 * LightningModule may call its layers however it likes.
 */
import { ConfigError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import type { Tap } from './find-layer.ts';
import { replaceMethod } from './replace-method.ts';

/** The outputs of taps, by path. */
export type Tapped = ReadonlyMap<string, tf.Tensor>;

/**
 * Runs `body` with the taps open. The tensors taken belong to the surrounding tidy and are on the gradient tape where
 * `body`'s operations are.
 *
 * @param owner whose layers these are, for errors
 * @throws ConfigError `layer-not-run`, `ambiguous-layer`, `several-outputs`
 */
export function capture<T>(owner: string, taps: readonly Tap[], body: () => T): { result: T; tapped: Tapped } {
  const recorders = new Map<tf.layers.Layer, Recorder>();
  for (const { layer } of taps) if (!recorders.has(layer)) recorders.set(layer, new Recorder(owner, layer));
  try {
    const result = body();
    const tapped = new Map<string, tf.Tensor>();
    for (const tap of taps) tapped.set(tap.path, (recorders.get(tap.layer) as Recorder).output(owner, tap));
    return { result, tapped };
  } finally {
    for (const recorder of recorders.values()) recorder.close();
  }
}

/** Listens to one layer. What it hears outlives the tidies within the pass. */
class Recorder {
  readonly #heard: tf.Tensor[] = [];
  readonly #restore: () => void;

  constructor(owner: string, layer: tf.layers.Layer) {
    const heard = this.#heard;
    this.#restore = replaceMethod(
      layer,
      'call',
      (original) =>
        function (this: unknown, ...args) {
          const output = original.apply(this, args) as tf.Tensor | tf.Tensor[];
          const [first, ...others] = Array.isArray(output) ? output : [output];
          if (others.length > 0) throw severalOutputs(owner, layer);
          heard.push(keepCopy(first as tf.Tensor));
          return output;
        },
    );
  }

  output(owner: string, { path, call }: Tap): tf.Tensor {
    const heard = this.#heard[call ?? 0];
    if (heard === undefined) throw notRun(owner, path, this.#heard.length);
    if (call === undefined && this.#heard.length > 1) throw ambiguous(owner, path, this.#heard.length);
    return tf.clone(heard);
  }

  close(): void {
    this.#restore();
    tf.dispose(this.#heard);
  }
}

/** Another handle on the values, which outlives the tidy. */
export const keepCopy = (tensor: tf.Tensor): tf.Tensor => tf.keep(tf.clone(tensor));

function severalOutputs(owner: string, layer: tf.layers.Layer): ConfigError {
  return new ConfigError(`${owner}: layer '${layer.name}'`, {
    code: 'several-outputs',
    expected: 'a layer with one output',
    help: 'tap the layers that make its outputs',
  });
}

function notRun(owner: string, path: string, calls: number): ConfigError {
  return new ConfigError(`${owner}: layer '${path}' has not run in this forward pass`, {
    code: 'layer-not-run',
    got: calls === 0 ? 'no call' : `${calls} calls`,
    help: calls === 0 ? 'tap a layer on the way from the input to the output' : 'calls are counted from 0',
  });
}

function ambiguous(owner: string, path: string, calls: number): ConfigError {
  return new ConfigError(`${owner}: layer '${path}' runs ${calls} times in one forward pass`, {
    code: 'ambiguous-layer',
    help: `say which call is meant: '${path}#0' to '${path}#${calls - 1}'`,
  });
}
