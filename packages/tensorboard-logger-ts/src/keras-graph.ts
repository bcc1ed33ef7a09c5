/**
 * The graph of a Keras or TensorFlow.js layers model, from the JSON that describes it: one node for each layer, nested
 * models as nested boxes. Reads both ways of writing edges: Keras 2's and TensorFlow.js's lists, and Keras 3's objects.
 */
import { show, TensorBoardWriterError } from './errors.ts';
import type { GraphNode } from './kinds/graph.ts';

/** A model or layer in the JSON of `model.to_json()`, or of `model.toJSON(undefined, false)` in TensorFlow.js. */
export interface KerasLayer {
  readonly class_name?: string | undefined;
  readonly name?: string | undefined;
  readonly config?: unknown;
  readonly inbound_nodes?: unknown;
}

interface Config {
  readonly name?: string;
  readonly layers?: readonly KerasLayer[];
  readonly input_layers?: unknown;
  readonly output_layers?: unknown;
  readonly batch_input_shape?: readonly (number | null)[];
  readonly [key: string]: unknown;
}

/** What is worth reading beside a layer. */
const SHOWN = ['units', 'filters', 'kernel_size', 'pool_size', 'strides', 'padding', 'activation', 'rate', 'dtype'];

/**
 * Turns a model's JSON into the nodes that `addGraph` takes.
 *
 * @param outputShapes by layer name, since the JSON does not have them
 * @throws TensorBoardWriterError `invalid-value` when it is no model.
 * @example
 * ```ts
 * writer.addGraph(kerasGraph(model.toJSON(undefined, false)));
 * ```
 */
export function kerasGraph(
  model: KerasLayer | object,
  outputShapes: Readonly<Record<string, readonly (number | null)[]>> = {},
): GraphNode[] {
  const { config, layers } = modelOf(model);
  if (layers === undefined) {
    const text = `Expected the JSON of a layers model, with config.layers, got ${show(JSON.stringify(model) ?? model)}.`;
    throw new TensorBoardWriterError('invalid-value', text);
  }
  const nodes: GraphNode[] = [];
  addModel(config, layers, config.name ?? 'model', [], nodes, outputShapes);
  return nodes;
}

type Shapes = Readonly<Record<string, readonly (number | null)[]>>;

// Adds the layers of a model; returns the nodes that give its outputs.
function addModel(
  config: Config,
  layers: readonly KerasLayer[],
  scope: string,
  inputs: readonly string[],
  nodes: GraphNode[],
  shapes: Shapes,
): string[] {
  const inputLayers = layerNames(config.input_layers);
  const outputs = new Map<string, readonly string[]>();
  const functional = inputLayers.length > 0;
  let previous = [...inputs];
  for (const [i, layer] of layers.entries()) {
    const inner = modelOf(layer);
    const name = layer.name ?? inner.config.name ?? `layer_${i}`;
    const shape = inner.config.batch_input_shape;
    if (!functional && i === 0 && inputs.length === 0 && shape !== undefined && layer.class_name !== 'InputLayer') {
      nodes.push({ name: `${scope}/input`, op: 'InputLayer', outputShape: shape });
      previous = [`${scope}/input`];
    }
    const given = inputs[inputLayers.indexOf(name)];
    const from = layerNames(layer.inbound_nodes).flatMap((source) => outputs.get(source) ?? []);
    const taken = functional ? (from.length === 0 && given !== undefined ? [given] : from) : previous;
    previous =
      inner.layers === undefined
        ? [addLayer(`${scope}/${name}`, layer, inner.config, taken, nodes, shapes[name])]
        : addModel(inner.config, inner.layers, `${scope}/${name}`, taken, nodes, shapes);
    outputs.set(name, previous);
  }
  return functional ? layerNames(config.output_layers).flatMap((name) => outputs.get(name) ?? []) : previous;
}

function addLayer(
  name: string,
  layer: KerasLayer,
  config: Config,
  inputs: readonly string[],
  nodes: GraphNode[],
  shape: readonly (number | null)[] | undefined,
): string {
  const attributes: Record<string, string | number | boolean> = {};
  for (const key of SHOWN) {
    const value = config[key];
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') attributes[key] = value;
    else if (Array.isArray(value)) attributes[key] = value.join(' × ');
  }
  const outputShape = shape ?? config.batch_input_shape;
  // A layer that is used twice by one other is one edge.
  nodes.push({ name, op: layer.class_name ?? 'Layer', inputs: [...new Set(inputs)], attributes, outputShape });
  return name;
}

// TensorFlow.js writes the layers of an old Sequential as the config itself.
function modelOf(layer: KerasLayer | object): { config: Config; layers: readonly KerasLayer[] | undefined } {
  const given = (layer as KerasLayer | undefined)?.config ?? {};
  if (Array.isArray(given)) return { config: {}, layers: given as KerasLayer[] };
  const config = given as Config;
  return { config, layers: Array.isArray(config.layers) ? config.layers : undefined };
}

// Finds the layer names in ["name", 0, 0], lists of such, and { keras_history: ["name", 0, 0] }.
function layerNames(value: unknown): string[] {
  if (Array.isArray(value)) {
    return typeof value[0] === 'string' && typeof value[1] === 'number' ? [value[0]] : value.flatMap(layerNames);
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(layerNames) : [];
}
