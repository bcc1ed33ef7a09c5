/** The networks of a module as nodes for TensorBoard's Graphs tab. */
import { type GraphNode, kerasGraph } from 'tensorboard-logger-ts';
import type { ModuleView } from '../core/contracts.ts';
import * as tf from '../core/tf.ts';

/** One node per layer of each tf.LayersModel among the module's fields; boxes are named by the field. */
export function moduleGraph(module: ModuleView): GraphNode[] {
  return Object.entries(module).flatMap(([field, value]) => {
    if (!(value instanceof tf.LayersModel)) return [];
    const json = value.toJSON(undefined, false) as { config: object };
    const config = Array.isArray(json.config) ? { layers: json.config } : json.config;
    return kerasGraph({ ...json, config: { ...config, name: field } }, shapesOf(value));
  });
}

function shapesOf(model: tf.LayersModel): Record<string, (number | null)[]> {
  return Object.fromEntries(model.layers.flatMap((layer) => shapeOf(layer).map((shape) => [layer.name, shape])));
}

function shapeOf(layer: tf.layers.Layer): (number | null)[][] {
  try {
    const shape = layer.outputShape;
    return Array.isArray(shape[0]) ? [] : [shape as (number | null)[]];
  } catch {
    return []; // a layer that is used with several shapes has none
  }
}
