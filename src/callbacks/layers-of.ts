/** The tfjs layers of a module, where a callback has to do something with a layer itself. */
import { isPlainObject } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';

/** A layer, as far as it matters here. */
export interface LayerLike {
  readonly name: string;
  trainable: boolean;
  readonly layers?: readonly LayerLike[];
  readonly weights: readonly { readonly val: tf.Variable }[];
  getClassName(): string;
}

/** All layers in the fields of a value, those inside models and nested modules included, each once. */
export function layersOf(value: unknown, found: Set<LayerLike> = new Set()): ReadonlySet<LayerLike> {
  if (value instanceof tf.layers.Layer) {
    const layer = value as unknown as LayerLike;
    if (!found.has(layer)) {
      found.add(layer);
      for (const child of layer.layers ?? []) layersOf(child, found);
    }
  } else if (isContainer(value)) {
    for (const item of value instanceof Map ? value.values() : Object.values(value)) layersOf(item, found);
  }
  return found;
}

function isContainer(value: unknown): value is object {
  return Array.isArray(value) || value instanceof Map || isPlainObject(value) || isModule(value);
}

/** A module; private (`#`) fields of it stay invisible. */
function isModule(value: unknown): value is object {
  return typeof (value as { foundVariables?: unknown } | null | undefined)?.foundVariables === 'function';
}
