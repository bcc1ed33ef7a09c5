/** What a step gives back, taken apart and put together again with other tensors. */
import { isPlainObject } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';

/** The tensors in a value, in a fixed order. */
export function tensorsOf(value: unknown): tf.Tensor[] {
  const found: tf.Tensor[] = [];
  mapTensors(value, (tensor) => {
    found.push(tensor);
    return tensor;
  });
  return found;
}

/** The same value with other tensors: nested arrays, plain objects and Maps are copied, all else is passed on. */
export function mapTensors(value: unknown, change: (tensor: tf.Tensor) => unknown): unknown {
  if (value instanceof tf.Tensor) return change(value);
  if (Array.isArray(value)) return value.map((item: unknown) => mapTensors(item, change));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, mapTensors(item, change)]));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTensors(item, change)]));
}

/** A value without its tensors, which a later step can be given back with its own: each is its number in the order. */
export interface Template {
  readonly value: unknown;
}

/** The template of a value. */
export function templateOf(value: unknown): Template {
  let i = 0;
  return { value: mapTensors(value, () => new Slot(i++)) };
}

/** Fills a template. */
export function fillTemplate({ value }: Template, tensor: (index: number) => tf.Tensor): unknown {
  if (value instanceof Slot) return tensor(value.index);
  if (Array.isArray(value)) return value.map((item: unknown) => fillTemplate({ value: item }, tensor));
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, fillTemplate({ value: item }, tensor)]));
  if (!isPlainObject(value)) return value;
  const filled: Record<string, unknown> = {};
  for (const key of Object.keys(value)) filled[key] = fillTemplate({ value: value[key] }, tensor);
  return filled;
}

class Slot {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}
