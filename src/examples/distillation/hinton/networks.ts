/** The networks of the experiment: the regularised teacher, and students that learn from stored soft targets. */
import { ImageClassificationModel, losses, mlp, type StepResult, seedEverything, tf } from 'kelvin';
import type { Plan, StudentPlan } from './plan.ts';

const IMAGE = [28, 28, 1] as const;

/** The teacher: dropout and a limit on the weights of each unit. */
export function makeTeacher({ teacher }: Plan, seed: number): ImageClassificationModel {
  const { hidden, dropout, inputDropout, maxNorm, learningRate, optimizer, warmupSteps } = teacher;
  seedEverything(seed);
  const encoder = mlp({ inputs: IMAGE, hidden, dropout, inputDropout });
  return new ImageClassificationModel({ encoder, classes: 10, learningRate, optimizer, warmupSteps, maxNorm });
}

/** A batch of the transfer set: images, labels, and what the teacher said of each. */
export interface TransferBatch {
  readonly x: tf.Tensor;
  readonly y: tf.Tensor;
  /** The teacher's logits, `[batch, 10]`. */
  readonly soft?: tf.Tensor;
}

/** How a student is taught. */
export interface Teaching {
  readonly temperature: number;
  /** Weight of the soft targets; 0 learns from the labels alone. */
  readonly alpha: number;
}

/** A student without any regularisation. It takes the teacher's logits from its batch, so that no teacher has to run. */
export class Student extends ImageClassificationModel {
  readonly #teaching: Teaching;

  constructor({ learningRate, optimizer, warmupSteps, ...network }: StudentPlan, teaching: Teaching) {
    super({ encoder: studentNet(network), classes: 10, head: 'none', learningRate, optimizer, warmupSteps });
    this.#teaching = teaching;
    this.saveHyperparameters({ ...teaching });
  }

  override trainingStep({ x, y, soft }: TransferBatch): StepResult {
    const { alpha, temperature } = this.#teaching;
    const logits = this.forward(x);
    const labels = alpha < 1 ? tf.mul(this.loss(logits, y), 1 - alpha) : tf.scalar(0);
    const loss =
      soft && alpha > 0 ? tf.add(labels, tf.mul(losses.klDivergence(logits, soft, { temperature }), alpha)) : labels;
    this.log('train_loss', loss as tf.Scalar);
    return loss as tf.Scalar;
  }
}

/** A student with the weights that its seed gives, whatever it is taught. */
export function makeStudent(plan: StudentPlan, teaching: Teaching, seed: number): Student {
  seedEverything(1000 + seed);
  return new Student(plan, teaching);
}

/** Plain layers; with small weights, where asked, a pixel that no training image uses keeps next to no say in the test. */
function studentNet({ hidden, initialDeviation }: Pick<StudentPlan, 'hidden' | 'initialDeviation'>): tf.LayersModel {
  if (initialDeviation === undefined) return mlp({ inputs: IMAGE, hidden, classes: 10 });
  const kernelInitializer = () => tf.initializers.randomNormal({ stddev: initialDeviation });
  return tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [...IMAGE] }),
      ...hidden.map((units) => tf.layers.dense({ units, activation: 'relu', kernelInitializer: kernelInitializer() })),
      tf.layers.dense({ units: 10, kernelInitializer: kernelInitializer() }),
    ],
  });
}
