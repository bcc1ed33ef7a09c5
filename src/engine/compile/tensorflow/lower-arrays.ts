/** What operations on shapes, indices and choices are in TensorFlow. */
import type { GraphNode, Value } from '../graph.ts';
import type { Lower, Lowering } from './lower.ts';
import { typed } from './writer.ts';

const int32 = { type: 'int32' } as const;

const output = ({ node }: Lowering): Value => node.outputs[0] as Value;
const source = (node: GraphNode): Value => node.inputs.x as Value;
const list = ({ node, input }: Lowering): string[] => Object.keys(node.inputs).map(input);

/** Operations that take `x` and an int32 vector. */
const withVector =
  (op: string, index: string, vector: (node: GraphNode) => readonly number[]): Lower =>
  ({ graph, node, input }) => [
    graph.node(op, [input('x'), graph.ints(vector(node))], { ...typed(source(node)), [index]: int32 }),
  ];

const attr = <T>(node: GraphNode, name: string): T => node.attrs[name] as T;

export const ARRAY_LOWERINGS: Readonly<Record<string, Lower>> = {
  Reshape: withVector('Reshape', 'Tshape', (node) => (node.outputs[0] as Value).shape),
  BroadcastTo: withVector('BroadcastTo', 'Tidx', (node) => (node.outputs[0] as Value).shape),
  Transpose: withVector('Transpose', 'Tperm', (node) => attr(node, 'perm')),
  Tile: withVector('Tile', 'Tmultiples', (node) => attr(node, 'reps')),
  Reverse: withVector('ReverseV2', 'Tidx', (node) => [attr<number | number[]>(node, 'dims')].flat()),

  Cast: ({ graph, node, input }) => {
    const from = source(node);
    const [to] = node.outputs as readonly [Value];
    return [graph.node('Cast', [input('x')], { SrcT: { type: from.dtype }, DstT: { type: to.dtype } })];
  },

  Concat: (at) => {
    const axis = at.graph.constant('int32', [], [attr(at.node, 'axis')]);
    const values = list(at);
    const attrs = { ...typed(output(at)), N: { i: values.length }, Tidx: int32 };
    return [at.graph.node('ConcatV2', [...values, axis], attrs)];
  },

  Pack: (at) => {
    const values = list(at);
    const attrs = { ...typed(output(at)), N: { i: values.length }, axis: { i: attr<number>(at.node, 'axis') } };
    return [at.graph.node('Pack', values, attrs)];
  },

  AddN: (at) => {
    const values = list(at);
    return [at.graph.node('AddN', values, { ...typed(output(at)), N: { i: values.length } })];
  },

  Unpack: ({ graph, node, input }) => {
    const value = node.inputs.value as Value;
    const count = node.outputs.length;
    const attrs = { ...typed(value), num: { i: count }, axis: { i: attr<number>(node, 'axis') } };
    const name = graph.node('Unpack', [input('value')], attrs);
    return node.outputs.map((_, i) => `${name}:${i}`);
  },

  SplitV: ({ graph, node, input }) => {
    const x = source(node);
    const axis = attr<number>(node, 'axis');
    const along = axis < 0 ? axis + x.shape.length : axis;
    const sizes = graph.ints(node.outputs.map(({ shape }) => shape[along] as number));
    const attrs = { ...typed(x), Tlen: int32, num_split: { i: node.outputs.length } };
    const name = graph.node('SplitV', [input('x'), sizes, graph.constant('int32', [], [along])], attrs);
    return node.outputs.map((_, i) => `${name}:${i}`);
  },

  Slice: ({ graph, node, input }) => {
    const begin = [attr<number | number[]>(node, 'begin')].flat();
    const size = (node.outputs[0] as Value).shape;
    const from = size.map((_, i) => begin[i] ?? 0);
    return [
      graph.node('Slice', [input('x'), graph.ints(from), graph.ints(size)], { ...typed(source(node)), Index: int32 }),
    ];
  },

  StridedSlice: ({ graph, node, input }) => {
    const { begin, end, strides } = node.attrs as Record<string, readonly number[]>;
    const mask = (name: string) => ({ i: (node.attrs[name] as number | undefined) ?? 0 });
    const attrs = {
      ...typed(source(node)),
      Index: int32,
      begin_mask: mask('beginMask'),
      end_mask: mask('endMask'),
      ellipsis_mask: mask('ellipsisMask'),
      new_axis_mask: mask('newAxisMask'),
      shrink_axis_mask: mask('shrinkAxisMask'),
    };
    const vectors = [begin, end, strides].map((vector) => graph.ints(vector as readonly number[]));
    return [graph.node('StridedSlice', [input('x'), ...vectors], attrs)];
  },

  PadV2: ({ graph, node, input }) => {
    const x = source(node);
    const paddings = graph.constant('int32', [x.shape.length, 2], attr<number[][]>(node, 'paddings').flat());
    const value = graph.constant(x.dtype, [], [attr(node, 'constantValue')]);
    return [graph.node('PadV2', [input('x'), paddings, value], { ...typed(x), Tpaddings: int32 })];
  },

  GatherV2: ({ graph, node, input }) => {
    const axis = graph.constant('int32', [], [attr(node, 'axis')]);
    const attrs = {
      ...typed(source(node), 'Tparams'),
      Tindices: int32,
      Taxis: int32,
      batch_dims: { i: attr<number>(node, 'batchDims') },
    };
    const indices = node.inputs.indices as Value;
    return indices.dtype === 'int32'
      ? [graph.node('GatherV2', [input('x'), input('indices'), axis], attrs)]
      : undefined;
  },

  UnsortedSegmentSum: ({ graph, node, input }) => {
    const count = graph.constant('int32', [], [attr(node, 'numSegments')]);
    const attrs = { ...typed(source(node)), Tindices: int32, Tnumsegments: int32 };
    return [graph.node('UnsortedSegmentSum', [input('x'), input('segmentIds'), count], attrs)];
  },

  OneHot: ({ graph, node, input }) => {
    const [out] = node.outputs as readonly [Value];
    const { depth, onValue, offValue } = node.attrs as Record<'depth' | 'onValue' | 'offValue', number>;
    const value = (number: number): string => graph.constant(out.dtype, [], [number]);
    const inputs = [input('indices'), graph.constant('int32', [], [depth]), value(onValue), value(offValue)];
    return [graph.node('OneHot', inputs, { ...typed(out), TI: int32, axis: { i: -1 } })];
  },

  Select: ({ graph, node, input }) => {
    const { condition, t } = node.inputs as Record<'condition' | 't', Value>;
    if (condition.shape.length === 1 && t.shape.length > 1) return undefined; // rows are chosen: not how SelectV2 broadcasts
    return [graph.node('SelectV2', ['condition', 't', 'e'].map(input), typed(t))];
  },

  ClipByValue: ({ graph, node, input }) => {
    const { clipValueMin, clipValueMax } = node.attrs as Record<string, number>;
    const bounds = [clipValueMin, clipValueMax].map((value) => graph.float(value as number));
    return [graph.node('ClipByValue', [input('x'), ...bounds], typed(source(node)))];
  },

  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),

  Cumsum: ({ graph, node, input }) => {
    const { axis, exclusive, reverse } = node.attrs as { axis: number; exclusive: boolean; reverse: boolean };
    const attrs = { ...typed(source(node)), Tidx: int32, exclusive: { b: exclusive }, reverse: { b: reverse } };
    return [graph.node('Cumsum', [input('x'), graph.constant('int32', [], [axis])], attrs)];
  },

  TopK: ({ graph, node, input }) => {
    const { k, sorted } = node.attrs as { k: number; sorted: boolean };
    const name = graph.node('TopKV2', [input('x'), graph.constant('int32', [], [k])], {
      ...typed(source(node)),
      sorted: { b: sorted },
    });
    return [name, `${name}:1`];
  },

  Fill: ({ graph, node }) => {
    const [out] = node.outputs as readonly [Value];
    return [graph.constant(out.dtype, out.shape, [attr(node, 'value')])];
  },

  Range: ({ graph, node }) => {
    const [out] = node.outputs as readonly [Value];
    const { start, step } = node.attrs as Record<'start' | 'step', number>;
    const values = Array.from({ length: out.shape[0] as number }, (_, i) => start + i * step);
    return [graph.constant(out.dtype, out.shape, values)];
  },

  Einsum: (at) => {
    const values = list(at);
    const equation = { s: attr<string>(at.node, 'equation') };
    return [at.graph.node('Einsum', values, { ...typed(output(at)), N: { i: values.length }, equation })];
  },
};

function argument(op: 'ArgMax' | 'ArgMin'): Lower {
  return ({ graph, node, input }) => {
    const axis = graph.constant('int32', [], [[attr<number | number[]>(node, 'axis')].flat()[0] as number]);
    const attrs = { ...typed(source(node)), Tidx: int32, output_type: int32 };
    return [graph.node(op, [input('x'), axis], attrs)];
  };
}
