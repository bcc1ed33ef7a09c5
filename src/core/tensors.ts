/** Small things that are done to tensors everywhere: sharing their data, finding them in a batch, disposing of them. */
import type { SavedTensor } from './contracts.ts';
import * as tf from './tf.ts';

/**
 * A second tensor over the same data, kept beyond the running tidy. Unlike `clone` it runs no kernel, and it is not
 * recorded on the gradient tape. The caller disposes of it.
 */
export function share<T extends tf.Tensor>(tensor: T): T {
  const engine = tf.engine();
  engine.backend.incRef(tensor.dataId);
  return tf.keep(engine.makeTensorFromTensorInfo(tensor)) as T;
}

/**
 * The same value with every tensor in it shared and kept beyond the running tidy; arrays, plain objects and Maps are
 * copied. Whatever a step returned - a part of the batch, a variable, a tensor of its own - disposing of the copy
 * harms nobody.
 */
export function keepTensors<T>(value: T): T;
export function keepTensors(value: unknown): unknown {
  if (value instanceof tf.Tensor) return share(value);
  if (Array.isArray(value)) return value.map((item: unknown) => keepTensors(item));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, keepTensors(item)]));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, keepTensors(item)]));
}

/** The number in a tensor with one element. Waits for the engine. */
export function readScalar(tensor: tf.Tensor): number {
  return Number(tensor.dataSync()[0]);
}

/** Calls `visit` for each tensor in nested arrays, plain objects and Maps. */
export function visitTensors(value: unknown, visit: (tensor: tf.Tensor) => void): void {
  if (value instanceof tf.Tensor) visit(value);
  else if (Array.isArray(value)) for (const item of value) visitTensors(item, visit);
  else if (value instanceof Map) for (const item of value.values()) visitTensors(item, visit);
  else if (isPlainObject(value)) for (const key in value) visitTensors(value[key], visit);
}

/** Disposes of every tensor in a batch or result. Tensors that are gone already, and variables, are left alone. */
export function disposeTensors(value: unknown): void {
  visitTensors(value, (tensor) => {
    if (!tensor.isDisposed && !(tensor instanceof tf.Variable)) tensor.dispose();
  });
}

/** The size of a batch: the first axis of the first tensor in it that has one. `undefined` without such a tensor. */
export function batchSizeOf(batch: unknown): number | undefined {
  if (batch instanceof tf.Tensor) return batch.shape[0];
  if (Array.isArray(batch)) return firstSize(batch);
  if (batch instanceof Map) return firstSize(batch.values());
  return isPlainObject(batch) ? firstSize(Object.values(batch)) : undefined;
}

function firstSize(items: Iterable<unknown>): number | undefined {
  for (const item of items) {
    const size = batchSizeOf(item);
    if (size !== undefined) return size;
  }
  return undefined;
}

/** True for an object literal, the only kind of object that is searched for tensors. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** True for anything that `await` would wait for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === 'function';
}

/** Copies a tensor out of the engine. */
export function toHost(tensor: tf.Tensor): SavedTensor {
  const data = tensor.dataSync() as SavedTensor['data'];
  return { shape: [...tensor.shape], dtype: tensor.dtype as SavedTensor['dtype'], data };
}

/** Copies a tensor into the engine. */
export function fromHost({ shape, dtype, data }: SavedTensor): tf.Tensor {
  return tf.tensor(data, [...shape], dtype);
}
