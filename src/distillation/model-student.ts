/** A bare tf.LayersModel as a module that can be trained: what `convert` makes of it. */
import type * as tf from '../core/tf.ts';
import {
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from '../module/image-classification-model.ts';
import type { StepResult } from '../module/module-host.ts';
import { endsInSoftmax, logitsOfProbabilities } from './teachers/probabilities.ts';

/** How a bare model is trained: the options of ImageClassificationModel that are no part of the network. */
export type ModelStudentOptions = Omit<ImageClassificationOptions, 'encoder' | 'classes' | 'head'> & {
  /** The student's own loss of its logits. Default: cross-entropy with the batch's `y`. */
  loss?: ((logits: tf.Tensor, y: tf.Tensor) => tf.Tensor) | undefined;
};

export class ModelStudent extends ImageClassificationModel {
  /** Without it a step gives no loss of its own and needs no labels. */
  readonly #ownLoss: boolean;
  readonly #loss: ModelStudentOptions['loss'];
  readonly #soft: boolean;

  constructor(model: tf.LayersModel, ownLoss: boolean, { loss, ...options }: ModelStudentOptions = {}) {
    const classes = (model.outputs[0] as tf.SymbolicTensor).shape.at(-1) ?? 2;
    super({ ...options, encoder: model, classes: Math.max(2, classes), head: 'none' });
    this.#ownLoss = ownLoss;
    this.#loss = loss;
    this.#soft = endsInSoftmax(model);
  }

  /** Logits; of a model that ends in a softmax the logarithm of its probabilities. */
  override forward(x: tf.Tensor): tf.Tensor2D {
    const output = super.forward(x);
    return this.#soft ? (logitsOfProbabilities(output) as tf.Tensor2D) : output;
  }

  override trainingStep(batch: ImageBatch, batchIdx: number): StepResult {
    if (this.#ownLoss) return super.trainingStep(batch, batchIdx);
    this.forward(batch.x);
    return undefined;
  }

  protected override loss(logits: tf.Tensor2D, y: tf.Tensor): tf.Scalar {
    return (this.#loss?.(logits, y) as tf.Scalar | undefined) ?? super.loss(logits, y);
  }
}
