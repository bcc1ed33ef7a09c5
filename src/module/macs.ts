/** Counts the multiply-accumulates of a network, layer by layer, from the shapes that pass through it. */
import { ConfigError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { type CountedLayer, type FullShape, layerMacs } from './layer-macs.ts';

/** The shape of one sample, without the batch: `[28, 28, 1]`. A network with several inputs takes one for each. */
export type SampleShape = readonly number[] | readonly (readonly number[])[];

/** Multiply-accumulates by layer, those of inner networks included. `undefined`: nobody knows. */
export type LayerMacs = Map<object, number | undefined>;

/**
 * Multiply-accumulates (MACs) of one forward pass for one sample: what dense, convolutional (depthwise, separable and
 * transposed too) and recurrent layers multiply by their kernels. Biases, activations, pooling and normalization count
 * nothing, as papers count: batch normalization folds into the layer before it. Training costs about three times as
 * much, and a MAC is two floating-point operations.
 *
 * A layer class of your own with weights says what it multiplies in a method `macs(inputShape, outputShape)`, whose
 * shapes begin with a batch of 1.
 *
 * @param inputShape the shape of a sample. Default: that of the network, which must then have no gaps
 * @throws ConfigError `unknown-shape` when a size is left open, `unknown-macs` for a layer without a rule
 *
 * @example
 * ```ts
 * countMacs(mlp({ inputs: 784, hidden: [1200, 1200], classes: 10 })); // 2392800
 * ```
 */
export function countMacs(model: tf.LayersModel, inputShape?: SampleShape): number {
  const macs: LayerMacs = new Map();
  walk(model, fullShapes(model, inputShape), macs);
  for (const layer of leaves(model)) if (macs.has(layer) && macs.get(layer) === undefined) throw unknownMacs(layer);
  return macs.get(model) ?? 0;
}

/** The same for each layer of a network; empty when its shapes have gaps. */
export function macsByLayer(model: tf.LayersModel): LayerMacs {
  const macs: LayerMacs = new Map();
  if (model.inputs.every(({ shape }) => shape.slice(1).every((size) => size !== null))) {
    walk(model, fullShapes(model, undefined), macs);
  }
  return macs;
}

/** Passes shapes through a network in the order in which it computes, counting as it goes. Returns its output shapes. */
function walk(model: tf.LayersModel, inputs: readonly FullShape[], macs: LayerMacs): FullShape[] {
  if (model instanceof tf.Sequential) model.build();
  const shapes = new Map(model.inputs.map(({ id }, i) => [id, inputs[i] as FullShape]));
  const depths = Object.keys(model.nodesByDepth)
    .map(Number)
    .sort((a, b) => b - a);
  let total: number | undefined = 0;
  for (const node of depths.flatMap((depth) => model.nodesByDepth[depth] ?? [])) {
    const layer = node.outboundLayer;
    if (node.inputTensors.length === 0 || layer.getClassName() === 'InputLayer') continue;
    const given = node.inputTensors.map(({ id }) => shapes.get(id) as FullShape);
    const { outputs, count } = passThrough(layer, given, macs);
    node.outputTensors.forEach(({ id }, i) => void shapes.set(id, outputs[i] as FullShape));
    macs.set(layer, added(macs.has(layer) ? macs.get(layer) : 0, count));
    total = added(total, count);
  }
  macs.set(model, total);
  return model.outputs.map(({ id }) => shapes.get(id) as FullShape);
}

/** One use of a layer. A layer that is used several times counts each. */
function passThrough(
  layer: tf.layers.Layer,
  inputs: readonly FullShape[],
  macs: LayerMacs,
): { readonly outputs: readonly FullShape[]; readonly count: number | undefined } {
  if (layer instanceof tf.LayersModel) {
    const inner: LayerMacs = new Map();
    const outputs = walk(layer, inputs, inner);
    const count = inner.get(layer);
    inner.delete(layer);
    for (const [each, own] of inner) macs.set(each, added(macs.has(each) ? macs.get(each) : 0, own));
    return { outputs, count };
  }
  const given = (inputs.length === 1 ? inputs[0] : inputs) as tf.Shape | tf.Shape[];
  const computed = layer.computeOutputShape(given) as tf.Shape | tf.Shape[];
  const outputs = (Array.isArray(computed[0]) ? computed : [computed]) as FullShape[];
  const count = layerMacs(layer as unknown as CountedLayer, inputs[0] as FullShape, outputs[0] as FullShape);
  return { outputs, count };
}

const added = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b;

/** Input shapes with a batch of 1 in front. */
function fullShapes(model: tf.LayersModel, given: SampleShape | undefined): FullShape[] {
  if (model instanceof tf.Sequential) model.build();
  const several = given !== undefined && (given as readonly unknown[]).some(Array.isArray);
  const list = given === undefined ? undefined : ((several ? given : [given]) as readonly FullShape[]);
  return model.inputs.map(({ shape }, i) => {
    const sizes = list?.[i] ?? shape.slice(1);
    const fits = sizes.length === shape.length - 1 && sizes.every((size) => Number.isInteger(size) && Number(size) > 0);
    if (!fits) throw unknownShape(shape, sizes);
    return [1, ...(sizes as readonly number[])];
  });
}

function leaves(model: tf.LayersModel): tf.layers.Layer[] {
  return model.layers.flatMap((layer) => (layer instanceof tf.LayersModel ? leaves(layer) : [layer]));
}

function unknownShape(shape: readonly (number | null)[], got: readonly (number | null)[]): ConfigError {
  const text = (sizes: readonly (number | null)[]): string => `[${sizes.map((size) => size ?? '?').join(', ')}]`;
  return new ConfigError('countMacs: the shape of a sample', {
    code: 'unknown-shape',
    expected: `${shape.length - 1} sizes of at least 1, as the network's input ${text(shape.slice(1))} has`,
    got: text(got),
    help: 'give it: `countMacs(model, [32, 32, 3])`',
  });
}

function unknownMacs(layer: tf.layers.Layer): ConfigError {
  return new ConfigError(`countMacs: the layer \`${layer.name}\``, {
    code: 'unknown-macs',
    expected: 'a kind of layer whose products are known',
    got: layer.getClassName(),
    help: 'give its class a method `macs(inputShape, outputShape)` that returns their number',
  });
}
