/** A network as a teacher: frozen, in inference mode, off the gradient tape, one forward pass for all taps. */
import { ConfigError, show } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { capture, keepCopy } from '../taps/capture.ts';
import { findTap, shapeOfLayer, type Tap } from '../taps/find-layer.ts';
import { fingerprintOf } from './fingerprint.ts';
import { endsInSoftmax, logitsOfProbabilities } from './probabilities.ts';
import { type NetworkSize, sizeOf } from './size.ts';
import type { TeacherSource } from './source.ts';

/** A module that can teach: any LightningModule with `forward`. */
export interface TeacherModule {
  forward(x: tf.Tensor): tf.Tensor;
  eval(): unknown;
  readonly classes?: number | undefined;
}

/** Whether a value is a module with a forward pass. */
export function isTeacherModule(value: unknown): value is TeacherModule {
  const { forward, eval: evaluate } = (value ?? {}) as Partial<TeacherModule>;
  return typeof forward === 'function' && typeof evaluate === 'function';
}

/** Teaches from a network in this process. A model that ends in a softmax gives the logarithm of its probabilities. */
export class NetworkTeacher implements TeacherSource {
  readonly name: string;
  readonly classes: number | undefined;
  readonly labelSmoothing: number | undefined;
  readonly #network: tf.LayersModel | TeacherModule;
  readonly #forward: (x: tf.Tensor) => tf.Tensor;
  readonly #taps = new Map<string, Tap>();
  readonly #owned: boolean;

  /**
   * @param owned whether the network was made for this source, which then disposes of it
   * @param probabilities whether the network gives probabilities; by default told by a model's last layer
   * @throws ConfigError `invalid-teacher`
   */
  constructor(
    network: tf.LayersModel | TeacherModule,
    { owned = false, probabilities }: { owned?: boolean; probabilities?: boolean | undefined } = {},
  ) {
    this.#network = network;
    this.#owned = owned;
    if (network instanceof tf.LayersModel) {
      this.name = network.name;
      this.classes = (network.outputs[0] as tf.SymbolicTensor).shape.at(-1) ?? undefined;
    } else if (isTeacherModule(network)) {
      this.name = network.constructor.name;
      this.classes = network.classes;
      this.labelSmoothing = smoothingOf(network);
    } else {
      throw new ConfigError('The teacher', {
        code: 'invalid-teacher',
        expected: 'a tf.LayersModel or a LightningModule with `forward`',
        got: show(network),
      });
    }
    const forward = forwardOf(network);
    const soft = probabilities ?? (network instanceof tf.LayersModel && endsInSoftmax(network));
    this.#forward = soft ? (x) => logitsOfProbabilities(forward(x)) : forward;
  }

  shapeOf(tap: string): readonly (number | null)[] | undefined {
    if (tap !== '') return shapeOfLayer(this.#tap(tap).layer);
    return this.#network instanceof tf.LayersModel ? this.#network.outputs[0]?.shape : undefined;
  }

  outputs(x: tf.Tensor, taps: readonly string[]): ReadonlyMap<string, tf.Tensor> {
    const points = taps.filter((tap) => tap !== '').map((tap) => this.#tap(tap));
    const kept = new Map<string, tf.Tensor>();
    // As one operation without a gradient: nothing within is kept for the backward pass.
    const run = tf.customGrad((input) => {
      const { result, tapped } = capture('The teacher', points, () => this.#forward(input as tf.Tensor));
      for (const [tap, tensor] of tapped) kept.set(tap, keepCopy(tensor));
      return { value: result, gradFunc: () => tf.zerosLike(input as tf.Tensor) };
    });
    try {
      const answers = new Map([['', run(x)]]);
      for (const [tap, tensor] of kept) answers.set(tap, tf.clone(tensor));
      return answers;
    } finally {
      tf.dispose([...kept.values()]);
    }
  }

  size(): NetworkSize {
    return sizeOf(variablesOf(this.#network));
  }

  fingerprint(): string {
    return fingerprintOf(variablesOf(this.#network));
  }

  dispose(): void {
    if (this.#owned) for (const variable of variablesOf(this.#network)) variable.dispose();
  }

  #tap(path: string): Tap {
    const known = this.#taps.get(path) ?? findTap('The teacher', this.#network, path);
    this.#taps.set(path, known);
    return known;
  }
}

function forwardOf(network: tf.LayersModel | TeacherModule): (x: tf.Tensor) => tf.Tensor {
  if (network instanceof tf.LayersModel) return (x) => network.apply(x, { training: false }) as tf.Tensor;
  return (x) => {
    network.eval();
    return network.forward(x);
  };
}

function smoothingOf(network: object): number | undefined {
  const smoothing = (network as { hparams?: { labelSmoothing?: unknown } }).hparams?.labelSmoothing;
  return typeof smoothing === 'number' ? smoothing : undefined;
}

function variablesOf(network: tf.LayersModel | TeacherModule): tf.Tensor[] {
  if (network instanceof tf.LayersModel) return network.weights.map((weight) => weight.read());
  const { namedVariables } = network as { namedVariables?: () => ReadonlyMap<string, tf.Variable> };
  return namedVariables === undefined ? [] : [...namedVariables.call(network).values()];
}
