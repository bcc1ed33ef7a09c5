/** A teacher as the distillation uses it: frozen, in inference mode, off the gradient tape, giving logits. */
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';

/** A trained network: a tfjs model, or a module whose `forward` gives logits. */
export type Teacher = tf.LayersModel | TeacherModule;

/** A module that can teach: any LightningModule with `forward`. */
export interface TeacherModule {
  forward(x: tf.Tensor): tf.Tensor;
  eval(): unknown;
  readonly classes?: number | undefined;
}

/** Gives the teacher's logits for a batch of images. */
export type TeacherLogits = (x: tf.Tensor) => tf.Tensor2D;

/**
 * Prepares a teacher. Its forward pass runs in inference mode and is not recorded for the backward pass. A model that
 * ends in a softmax is given back its logits, up to a constant that no temperature minds, by taking the logarithm.
 *
 * @throws ConfigError `invalid-teacher`, `class-mismatch`
 */
export function teacherLogits(teacher: Teacher, classes: number): TeacherLogits {
  const known = classesOf(teacher);
  if (known !== undefined && known !== classes) {
    throw new ConfigError('DistillationModule: the teacher', {
      code: 'class-mismatch',
      expected: `${classes} classes, as the student has`,
      got: String(known),
    });
  }
  const forward = forwardOf(teacher);
  return (x) => offTape(forward, x) as tf.Tensor2D;
}

function forwardOf(teacher: Teacher): (x: tf.Tensor) => tf.Tensor {
  if (teacher instanceof tf.LayersModel) {
    const apply = (x: tf.Tensor): tf.Tensor => teacher.apply(x, { training: false }) as tf.Tensor;
    return endsInSoftmax(teacher) ? (x) => tf.log(tf.add(apply(x), 1e-12)) : apply;
  }
  if (typeof teacher?.forward === 'function' && typeof teacher.eval === 'function') {
    return (x) => {
      teacher.eval();
      return teacher.forward(x);
    };
  }
  throw new ConfigError('DistillationModule: option `teacher`', {
    code: 'invalid-teacher',
    expected: 'a tf.LayersModel or a LightningModule with `forward`',
    got: show(teacher),
  });
}

/** Runs `forward` as one op without a gradient: nothing of the teacher is kept for the backward pass. */
function offTape(forward: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  const op = tf.customGrad((input) => ({
    value: forward(input as tf.Tensor),
    gradFunc: () => tf.zerosLike(input as tf.Tensor),
  }));
  return op(x);
}

function classesOf(teacher: Teacher): number | undefined {
  if (!(teacher instanceof tf.LayersModel)) return teacher?.classes;
  return (teacher.outputs[0] as tf.SymbolicTensor).shape.at(-1) ?? undefined;
}

/** Whether a model gives probabilities instead of logits. */
export function endsInSoftmax(model: tf.LayersModel): boolean {
  const last = (model.outputs[0] as tf.SymbolicTensor).sourceLayer;
  if (last instanceof tf.LayersModel) return endsInSoftmax(last);
  return last.getClassName() === 'Softmax' || last.getConfig().activation === 'softmax';
}
