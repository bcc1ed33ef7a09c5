/** What pooling is in TensorFlow, padding in numbers included: an average pool has none there, and is that of a padded image. */
import * as tf from '../../../core/tf.ts';
import { meanFactors, sidesOf } from '../../pool-padding.ts';
import type { TensorFlowBackend } from '../../tensorflow/ops.ts';
import { hasOwnKernels, poolWindow } from '../../tensorflow/own-kernels.ts';
import type { GraphNode, Value } from '../graph.ts';
import type { AttrValue } from './graph-def.ts';
import type { Lower, Lowering } from './lower.ts';
import { NHWC, paddingOf, shapeOf } from './lower-networks.ts';
import { type Attributes, typed } from './writer.ts';

const float = { type: 'float32' } as const;

/** Windows and strides without the padding; `undefined` where the size is rounded in a way of its own. */
function windows({ attrs }: GraphNode): Attributes | undefined {
  const { filterSize, strides, dimRoundingMode } = attrs;
  if (dimRoundingMode) return undefined;
  const around = (sizes: unknown): AttrValue => {
    const [height, width] = [sizes].flat() as number[];
    return { ints: [1, height as number, (width ?? height) as number, 1] };
  };
  return { ...typed({ dtype: 'float32' }), ...NHWC, ksize: around(filterSize), strides: around(strides) };
}

/** Maximum pools take padding in numbers as convolutions do. */
const maxPool =
  (op: 'MaxPool' | 'MaxPoolGrad', names: readonly string[]): Lower =>
  (at) => {
    const attrs = windows(at.node);
    const padding = paddingOf(at.node.attrs.pad);
    return attrs && padding && [at.graph.node(op, names.map(at.input), { ...attrs, ...padding })];
  };

/** By Kelvin's own kernel, where there is one and tfjs and TensorFlow agree on the windows. */
function ownMaxPoolGradient({ graph, node, input }: Lowering): readonly string[] | undefined {
  const { input: x, output } = node.inputs as Record<'input' | 'output', Value>;
  const backend = tf.findBackend('tensorflow') as unknown as TensorFlowBackend | null;
  if (backend === null || !hasOwnKernels(backend) || x.shape.length !== 4) return undefined;
  const { outShape, ...window } = poolWindow(x.shape, node.attrs as unknown as tf.MaxPoolGradAttrs);
  if (!tf.util.arraysEqual([...outShape], [...output.shape])) return undefined;
  const attrs = Object.fromEntries(Object.entries(window).map(([name, ints]) => [name, { ints }]));
  return [graph.node('KelvinMaxPoolGrad', [input('input'), input('output'), input('dy')], attrs)];
}

const maxPoolGradient = maxPool('MaxPoolGrad', ['input', 'output', 'dy']);

const VALID = { padding: { s: 'VALID' } } as const;

/** The image with its padding, by numbers. */
function padded({ graph, node: { attrs } }: Lowering, { shape }: Value) {
  const [rows, columns] = sidesOf(attrs.pad);
  const [batch, height, width, channels] = shape as [number, number, number, number];
  return {
    paddings: graph.constant('int32', [4, 2], [0, 0, ...rows, ...columns, 0, 0]),
    shape: [batch, height + rows[0] + rows[1], width + columns[0] + columns[1], channels],
    begin: graph.ints([0, rows[0], columns[0], 0]),
  };
}

/** What a mean over padding has to be multiplied by. */
function factors({ graph, node: { attrs } }: Lowering, { shape }: Value): string {
  const { filterSize, strides, pad } = attrs as Record<string, number | readonly number[]>;
  const found = meanFactors(shape, filterSize as number, strides as number, sidesOf(pad));
  return graph.constant('float32', found.shape, found.values);
}

export const POOL_LOWERINGS: Readonly<Record<string, Lower>> = {
  MaxPool: maxPool('MaxPool', ['x']),
  MaxPoolGrad: (at) => ownMaxPoolGradient(at) ?? maxPoolGradient(at),

  AvgPool: (at) => {
    const { graph, node, input } = at;
    const attrs = windows(node);
    if (attrs === undefined) return undefined;
    if (typeof node.attrs.pad === 'string')
      return [graph.node('AvgPool', [input('x')], { ...attrs, ...paddingOf(node.attrs.pad) })];
    const x = node.inputs.x as Value;
    const whole = graph.node('Pad', [input('x'), padded(at, x).paddings], { T: float, Tpaddings: { type: 'int32' } });
    const means = graph.node('AvgPool', [whole], { ...attrs, ...VALID });
    return [graph.node('Mul', [means, factors(at, x)], { T: float })];
  },

  AvgPoolGrad: (at) => {
    const { graph, node, input } = at;
    const attrs = windows(node);
    if (attrs === undefined) return undefined;
    if (typeof node.attrs.pad === 'string')
      return [graph.node('AvgPoolGrad', [shapeOf(at), input('dy')], { ...attrs, ...paddingOf(node.attrs.pad) })];
    const x = node.outputs[0] as Value;
    const { shape, begin } = padded(at, x);
    const spread = graph.node('Mul', [input('dy'), factors(at, x)], { T: float });
    const whole = graph.node('AvgPoolGrad', [graph.ints(shape), spread], { ...attrs, ...VALID });
    return [graph.node('Slice', [whole, begin, shapeOf(at)], { T: float, Index: { type: 'int32' } })];
  },
};
