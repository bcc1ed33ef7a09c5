/** What the callbacks that look at predictions need from a batch: class numbers, predicted and true. */
import type { ModuleView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';

/** A batch whose labels are known. */
export interface LabelledBatch {
  readonly x: tf.Tensor;
  readonly y: tf.Tensor;
}

interface HasForward {
  forward(x: tf.Tensor): tf.Tensor;
}

/**
 * The logits of a batch: what the validation step returned, if it is a tensor `[batch, classes]` or has such `logits`,
 * else a forward pass. Call it in a tidy.
 *
 * @throws ConfigError `not-a-classifier`
 */
export function logitsOf(owner: string, module: ModuleView, outputs: unknown, batch: unknown): tf.Tensor2D {
  if (isLogits(outputs)) return outputs;
  if (isRecord(outputs) && isLogits(outputs.logits)) return outputs.logits;
  if (!('forward' in module) || typeof module.forward !== 'function')
    throw notAClassifier(owner, module, 'no `forward`');
  const logits = (module as unknown as HasForward).forward(labelled(owner, module, batch).x);
  if (!isLogits(logits)) throw notAClassifier(owner, module, 'a `forward` that gives no [batch, classes]');
  return logits;
}

/** The true classes `[batch]`, int32, from class numbers or one-hot rows. Call it in a tidy. */
export function labelsOf(owner: string, module: ModuleView, batch: unknown): tf.Tensor1D {
  const { y } = labelled(owner, module, batch);
  return y.rank === 2 ? tf.argMax(y, 1) : (tf.cast(y, 'int32') as tf.Tensor1D);
}

/** The batch, when it has images and labels. */
export function labelled(owner: string, module: ModuleView, batch: unknown): LabelledBatch {
  if (isRecord(batch) && batch.x instanceof tf.Tensor && batch.y instanceof tf.Tensor && batch.y.rank <= 2)
    return batch as unknown as LabelledBatch;
  throw notAClassifier(owner, module, 'batches without tensors `x` and `y`');
}

function isLogits(value: unknown): value is tf.Tensor2D {
  return value instanceof tf.Tensor && value.rank === 2;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof tf.Tensor);
}

function notAClassifier(owner: string, module: ModuleView, got: string): ConfigError {
  return new ConfigError(owner, {
    code: 'not-a-classifier',
    expected: 'a module with `forward(x)` that gives logits, and batches { x, y }',
    got: `${module.constructor.name} with ${got}`,
    help: 'return the logits from `validationStep`, or leave out the callback',
  });
}
