/** The tensors of a batch by the path to them, and what a step is compiled for: their shapes and the values beside them. */
import { isPlainObject } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';

/** A batch taken apart. */
export interface BatchParts {
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
  /** Equal for batches that one compiled step serves. */
  readonly signature: string;
}

/** Takes a batch apart: nested arrays, plain objects and Maps of tensors and plain values. */
export function partsOf(batch: unknown): BatchParts {
  const tensors = new Map<string, tf.Tensor>();
  const rest: string[] = [];
  const paths = new Map<object, string>();
  const visit = (path: string, value: unknown): void => {
    if (value instanceof tf.Tensor) {
      tensors.set(path, value);
      const same = paths.get(value.dataId);
      paths.set(value.dataId, same ?? path);
      rest.push(`${path}:${same === undefined ? `${value.dtype}[${value.shape}]` : `is ${same}`}`);
    } else if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(`${path}/${i}`, item);
    else if (value instanceof Map) for (const [key, item] of value) visit(`${path}/${String(key)}`, item);
    else if (isPlainObject(value)) for (const key in value) visit(`${path}/${key}`, value[key]);
    else rest.push(`${path}=${String(value)}`);
  };
  visit('batch', batch);
  return { tensors, signature: rest.join() };
}
