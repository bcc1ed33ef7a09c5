/** What the operations of networks are in TensorFlow: products, convolutions, normalisation, losses, dropout. */
import type { GraphNode, Value } from '../graph.ts';
import { sizeOf } from '../graph.ts';
import type { AttrValue } from './graph-def.ts';
import type { Lower, Lowering } from './lower.ts';
import { type Attributes, typed } from './writer.ts';

const float = { type: 'float32' } as const;
export const NHWC = { data_format: { s: 'NHWC' } } as const;

const product =
  (op: 'MatMul' | 'BatchMatMulV2', left: string, right: string): Lower =>
  ({ graph, node, input }) => {
    const { transposeA, transposeB } = node.attrs as Record<string, boolean>;
    const attrs = {
      ...typed(node.inputs.a as Value),
      [left]: { b: transposeA === true },
      [right]: { b: transposeB === true },
    };
    return [graph.node(op, [input('a'), input('b')], attrs)];
  };

/** Strides, padding and dilations of a convolution; `undefined` for a layout other than NHWC. */
function convolution({ attrs }: GraphNode): Attributes | undefined {
  if ((attrs.dataFormat ?? 'NHWC') !== 'NHWC') return undefined;
  const around = (sizes: unknown): AttrValue => {
    const [height, width] = [sizes ?? 1].flat() as number[];
    return { ints: [1, height as number, (width ?? height) as number, 1] };
  };
  const padding = paddingOf(attrs.pad);
  if (padding === undefined || attrs.dimRoundingMode) return undefined;
  return {
    ...typed({ dtype: 'float32' }),
    ...NHWC,
    strides: around(attrs.strides),
    dilations: around(attrs.dilations),
    ...padding,
  };
}

/** Padding by name or by numbers. */
export function paddingOf(pad: unknown): Attributes | undefined {
  if (pad === 'same' || pad === 'valid') return { padding: { s: pad.toUpperCase() } };
  const explicit = typeof pad === 'number' ? [0, 0, pad, pad, pad, pad, 0, 0] : (pad as number[][] | undefined)?.flat();
  return explicit === undefined ? undefined : { padding: { s: 'EXPLICIT' }, explicit_paddings: { ints: explicit } };
}

const convolve =
  (op: string, inputs: (at: Lowering) => readonly string[]): Lower =>
  (at) => {
    const attrs = convolution(at.node);
    return attrs && [at.graph.node(op, inputs(at), attrs)];
  };

/** The shape of what a node gives, as a constant. */
export const shapeOf = ({ graph, node }: Lowering): string => graph.ints((node.outputs[0] as Value).shape);

export const NETWORK_LOWERINGS: Readonly<Record<string, Lower>> = {
  MatMul: product('MatMul', 'transpose_a', 'transpose_b'),
  BatchMatMul: product('BatchMatMulV2', 'adj_x', 'adj_y'),
  BiasAdd: ({ graph, input }) => [graph.node('BiasAdd', [input('x'), input('b')], { T: float, ...NHWC })],
  BiasAddGrad: ({ graph, input }) => [graph.node('BiasAddGrad', [input('x')], { T: float, ...NHWC })],
  ReluGrad: ({ graph, input }) => [graph.node('ReluGrad', [input('dy'), input('y')], { T: float })],

  EluGrad: ({ graph, input }) => [graph.node('EluGrad', [input('dy'), input('y')], { T: float })],

  Conv2D: convolve('Conv2D', ({ input }) => [input('x'), input('filter')]),
  Conv2DBackpropInput: convolve('Conv2DBackpropInput', (at) => [shapeOf(at), at.input('filter'), at.input('dy')]),
  Conv2DBackpropFilter: convolve('Conv2DBackpropFilter', (at) => [at.input('x'), shapeOf(at), at.input('dy')]),
  DepthwiseConv2dNative: convolve('DepthwiseConv2dNative', ({ input }) => [input('x'), input('filter')]),
  DepthwiseConv2dNativeBackpropInput: convolve('DepthwiseConv2dNativeBackpropInput', (at) => [
    shapeOf(at),
    at.input('filter'),
    at.input('dy'),
  ]),
  DepthwiseConv2dNativeBackpropFilter: convolve('DepthwiseConv2dNativeBackpropFilter', (at) => [
    at.input('x'),
    shapeOf(at),
    at.input('dy'),
  ]),

  Softmax: ({ graph, node, input }) => {
    const x = (node.inputs.x ?? node.inputs.logits) as Value;
    const { dim } = node.attrs as { dim?: number };
    if (dim !== undefined && dim !== -1 && dim !== x.shape.length - 1) return undefined;
    return [graph.node('Softmax', [input(node.inputs.x === undefined ? 'logits' : 'x')], { T: float })];
  },

  CrossEntropy: ({ graph, input }) => {
    const name = graph.node('SoftmaxCrossEntropyWithLogits', [input('logits'), input('target')], { T: float });
    return [name, `${name}:1`];
  },

  /** x > 0 ? 1 : alpha · x, and NaN stays NaN. */
  Step: ({ graph, node, input }) => {
    const x = node.inputs.x as Value;
    const above = graph.node('Greater', [input('x'), graph.float(0)], { T: float });
    const one = graph.node('Cast', [above], { SrcT: { type: 'bool' }, DstT: float });
    return node.attrs.alpha === 0 && x.dtype === 'float32' ? [one] : undefined;
  },

  LeakyRelu: ({ graph, node, input }) => [
    graph.node('LeakyRelu', [input('x')], { T: float, alpha: { f: node.attrs.alpha as number } }),
  ],

  FusedBatchNorm: (at) => {
    const { graph, node, input } = at;
    const x = node.inputs.x as Value;
    const channels = node.inputs.mean as Value;
    if (x.shape.length !== 4 || channels.shape.length !== 1) return undefined;
    const filled = (name: string, value: number): string =>
      node.inputs[name] === undefined ? graph.constant('float32', channels.shape, [value]) : input(name);
    const inputs = [input('x'), filled('scale', 1), filled('offset', 0), input('mean'), input('variance')];
    const attrs = { ...normAttrs(node.attrs.varianceEpsilon as number), is_training: { b: false } };
    return [graph.node('FusedBatchNormV3', inputs, attrs)];
  },

  BatchNormTrain: (at) => {
    const { graph, node, input } = at;
    const x = node.inputs.x as Value;
    const empty = graph.constant('float32', [0], []);
    const images = asImages(at, x, input('x'));
    const attrs = {
      ...normAttrs(node.attrs.epsilon as number),
      exponential_avg_factor: { f: 1 },
      is_training: { b: true },
    };
    const name = graph.node('FusedBatchNormV3', [images, input('scale'), input('offset'), empty, empty], attrs);
    // TensorFlow gives the variance of the population that the batch is drawn from; the layer keeps the batch's own.
    const count = sizeOf(x) / (x.shape.at(-1) as number);
    const variance = graph.node('Mul', [`${name}:2`, graph.float((count - 1) / count)], { T: float });
    return [backFrom(at, x, name), `${name}:1`, variance];
  },

  BatchNormTrainGrad: (at) => {
    const { graph, node, input, origin } = at;
    const { x, mean, dy } = node.inputs as Record<'x' | 'mean' | 'dy', Value>;
    const forward = origin(mean);
    const attrs = { ...normAttrs(node.attrs.epsilon as number), is_training: { b: true } };
    const reserved = [3, 4, 5].map((index) => `${forward}:${index}`);
    const inputs = [asImages(at, dy, input('dy')), asImages(at, x, input('x')), input('scale'), ...reserved];
    const name = graph.node('FusedBatchNormGradV3', inputs, attrs);
    return [backFrom(at, x, name), `${name}:1`, `${name}:2`];
  },

  /** A mask that is `value` with probability `probability`, else 0. */
  KelvinBernoulli: ({ graph, node, seed }) => {
    const [out] = node.outputs as readonly [Value];
    const { probability, value, draw } = node.attrs as Record<'probability' | 'value' | 'draw', number>;
    const attrs = { dtype: float, T: { type: 'int32' }, Tseed: { type: 'int32' } } as const;
    const uniform = graph.node('StatelessRandomUniform', [graph.ints(out.shape), seed(draw)], attrs);
    const chosen = graph.node('Less', [uniform, graph.float(probability)], { T: float });
    const mask = graph.node('Cast', [chosen], { SrcT: { type: 'bool' }, DstT: float });
    return [graph.node('Mul', [mask, graph.float(value)], { T: float })];
  },
};

const normAttrs = (epsilon: number): Attributes => ({ T: float, U: float, ...NHWC, epsilon: { f: epsilon } });

/** Features of any shape as images of one pixel: the fused operation takes images only. */
function asImages({ graph }: Lowering, value: Value, name: string): string {
  if (value.shape.length === 4) return name;
  const channels = value.shape.at(-1) as number;
  return graph.node('Reshape', [name, graph.ints([sizeOf(value) / channels, 1, 1, channels])], {
    T: float,
    Tshape: { type: 'int32' },
  });
}

function backFrom({ graph }: Lowering, value: Value, name: string): string {
  if (value.shape.length === 4) return name;
  return graph.node('Reshape', [name, graph.ints(value.shape)], { T: float, Tshape: { type: 'int32' } });
}
