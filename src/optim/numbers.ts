/**
 * The numbers of one optimizer step. Parameters of a group that have taken the same steps share them; each becomes a
 * tensor when it is asked for, once.
 */
import { currentRecording, type NumberSource } from '../core/recording.ts';
import * as tf from '../core/tf.ts';
import type { ParamGroup } from './param-groups.ts';
import type { Scalars, StepNumbers } from './update-rule.ts';

/** Numbers that some parameters share in a step. */
export interface SharedNumbers extends StepNumbers {
  readonly number: (name: string) => tf.Scalar;
}

/** Computes the numbers of a parameter, and says where a later step gets them from. */
export interface NumbersOf<G extends ParamGroup> {
  compute(group: G, scalars: Scalars): StepNumbers;
  source(group: G, param: tf.Variable): NumberSource;
}

/** Runs `body` with the numbers of the parameters, and frees their tensors after it. */
export function withNumbers<G extends ParamGroup>(
  of: NumbersOf<G>,
  body: (numbersOf: (group: G, param: tf.Variable, scalars: Scalars) => SharedNumbers) => void,
): void {
  const shared = new Map<G, Map<string, SharedNumbers>>();
  const made: tf.Tensor[] = [];
  const share = (group: G, param: tf.Variable, scalars: Scalars): SharedNumbers => {
    const { values, scalars: next } = of.compute(group, scalars);
    const tensors = new Map<string, tf.Scalar>();
    const number = (name: string): tf.Scalar => {
      const known = tensors.get(name);
      if (known) return known;
      const tensor = tf.keep(tf.scalar(values[name] as number));
      currentRecording()?.number(tensor, of.source(group, param), name);
      tensors.set(name, tensor);
      made.push(tensor);
      return tensor;
    };
    return { values, scalars: next, number };
  };
  try {
    body((group, param, scalars) => {
      const ofGroup = shared.get(group) ?? new Map<string, SharedNumbers>();
      shared.set(group, ofGroup);
      const key = Object.values(scalars).join();
      const known = ofGroup.get(key) ?? share(group, param, scalars);
      ofGroup.set(key, known);
      return known;
    });
  } finally {
    tf.dispose(made);
  }
}
