/** A converted TensorFlow graph as a teacher; its nodes are the taps. */
import * as tf from '../../core/tf.ts';
import { fingerprintOf } from './fingerprint.ts';
import { logitsOfProbabilities } from './probabilities.ts';
import { type NetworkSize, sizeOf } from './size.ts';
import type { TeacherSource } from './source.ts';

/** The part of tfjs-converter's GraphModel that is used. */
export interface TeacherGraphModel {
  readonly inputs: readonly { readonly name: string; readonly shape?: readonly number[] | undefined }[];
  readonly outputs: readonly { readonly name: string; readonly shape?: readonly number[] | undefined }[];
  readonly weights?: Readonly<Record<string, readonly tf.Tensor[]>> | undefined;
  execute(inputs: Record<string, tf.Tensor>, outputs: string | string[]): tf.Tensor | tf.Tensor[];
  dispose(): void;
}

/** Whether a value is a graph model. */
export function isGraphModel(value: unknown): value is TeacherGraphModel {
  const { execute, inputs, outputs } = (value ?? {}) as Partial<TeacherGraphModel>;
  return typeof execute === 'function' && Array.isArray(inputs) && Array.isArray(outputs);
}

/** Teaches from a graph model: its first input takes the images, its first output gives the answers. */
export class GraphTeacher implements TeacherSource {
  readonly name = 'graph model';
  readonly classes: number | undefined;
  readonly #model: TeacherGraphModel;
  readonly #options: { owned?: boolean; probabilities?: boolean | undefined };

  /** @param options `owned`: dispose of the model; `probabilities`: the model gives these and not logits */
  constructor(model: TeacherGraphModel, options: { owned?: boolean; probabilities?: boolean | undefined } = {}) {
    this.#model = model;
    this.#options = options;
    const classes = model.outputs[0]?.shape?.at(-1);
    this.classes = classes !== undefined && classes > 0 ? classes : undefined;
  }

  outputs(x: tf.Tensor, taps: readonly string[]): ReadonlyMap<string, tf.Tensor> {
    const names = taps.filter((tap) => tap !== '');
    const [input, output] = [this.#model.inputs[0]?.name as string, this.#model.outputs[0]?.name as string];
    let features: tf.Tensor[] = [];
    const run = tf.customGrad((images) => {
      const answers = this.#model.execute({ [input]: images as tf.Tensor }, [output, ...names]) as tf.Tensor[];
      const [value, ...others] = Array.isArray(answers) ? answers : [answers];
      features = others.map((tensor) => tf.keep(tensor));
      const logits = this.#options.probabilities ? logitsOfProbabilities(value as tf.Tensor) : (value as tf.Tensor);
      return { value: logits, gradFunc: () => tf.zerosLike(images as tf.Tensor) };
    });
    try {
      const answers = new Map([['', run(x)]]);
      names.forEach((name, i) => {
        answers.set(name, tf.clone(features[i] as tf.Tensor));
      });
      return answers;
    } finally {
      tf.dispose(features);
    }
  }

  size(): NetworkSize {
    return sizeOf(Object.values(this.#model.weights ?? {}).flat());
  }

  fingerprint(): string {
    return fingerprintOf(Object.values(this.#model.weights ?? {}).flat());
  }

  dispose(): void {
    if (this.#options.owned) this.#model.dispose();
  }
}
