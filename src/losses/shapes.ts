/** Shape checks of the losses: a mistake is a typed error that names both shapes, never a silent broadcast. */
import { DataError } from '../core/errors.ts';
import type * as tf from '../core/tf.ts';

/** Prints a shape: `[32, 10]`. */
export const shapeOf = (tensor: tf.Tensor): string => `[${tensor.shape.join(', ')}]`;

/** Throws unless two tensors have the same shape. */
export function checkSameShape(owner: string, [a, first]: [string, tf.Tensor], [b, second]: [string, tf.Tensor]): void {
  if (first.shape.length === second.shape.length && first.shape.every((size, axis) => size === second.shape[axis]))
    return;
  throw new DataError(`${owner}: ${a} and ${b} differ in shape`, {
    code: 'loss-shape',
    expected: `${b} of shape ${shapeOf(first)}`,
    got: shapeOf(second),
  });
}

/** Throws unless logits are rank 2: batch by classes. */
export function checkLogits(owner: string, logits: tf.Tensor): void {
  if (logits.rank === 2) return;
  throw new DataError(`${owner}: the logits`, {
    code: 'loss-shape',
    expected: 'shape [batch, classes]',
    got: shapeOf(logits),
    help: 'reshape the model output to one row per sample',
  });
}

/** True for class numbers `[batch]`, false for one row of class weights per sample `[batch, classes]`; else throws. */
export function areClassNumbers(owner: string, logits: tf.Tensor, labels: tf.Tensor): boolean {
  const [batch, classes] = logits.shape;
  if (labels.rank === 1 && labels.shape[0] === batch) return true;
  if (labels.rank === 2 && labels.shape[0] === batch && labels.shape[1] === classes) return false;
  throw new DataError(`${owner}: the labels do not fit logits of shape ${shapeOf(logits)}`, {
    code: 'loss-shape',
    expected: `class numbers of shape [${batch}] or one row per sample of shape [${batch}, ${classes}]`,
    got: shapeOf(labels),
  });
}
