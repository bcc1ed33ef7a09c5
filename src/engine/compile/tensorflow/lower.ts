/** What each operation of a graph is in TensorFlow. */
import type { GraphNode, Value } from '../graph.ts';
import { ARRAY_LOWERINGS } from './lower-arrays.ts';
import { NETWORK_LOWERINGS } from './lower-networks.ts';
import { POOL_LOWERINGS } from './lower-pools.ts';
import { UPDATE_LOWERINGS } from './lower-updates.ts';
import { VOLUME_LOWERINGS } from './lower-volumes.ts';
import { type GraphWriter, typed } from './writer.ts';

/** What a lowering works with: where inputs come from, and the graph that is written. */
export interface Lowering {
  readonly graph: GraphWriter;
  readonly node: GraphNode;
  /** The name of an input's tensor. */
  readonly input: (name: string) => string;
  /** The TensorFlow node that made a value, for the outputs that only TensorFlow knows of. */
  readonly origin: (value: Value) => string;
  /** The seed of a random operation, int32 [2]. */
  readonly seed: (draw: number) => string;
}

/** Writes a node and returns the names of its outputs; `undefined` where its attributes have no counterpart. */
export type Lower = (lowering: Lowering) => readonly string[] | undefined;

/** Operations on one tensor, element by element, by their TensorFlow names. */
const UNARY: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...[
        'Abs',
        'Acos',
        'Acosh',
        'Asin',
        'Asinh',
        'Atan',
        'Atanh',
        'Ceil',
        'Cos',
        'Cosh',
        'Elu',
        'Erf',
        'Exp',
        'Expm1',
      ],
      ...['Floor', 'Log', 'Log1p', 'LogSoftmax', 'Neg', 'OnesLike', 'Reciprocal', 'Relu', 'Relu6', 'Round', 'Rsqrt'],
      ...['Selu', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Sqrt', 'Square', 'Tan', 'Tanh', 'ZerosLike'],
    ].map((name) => [name, name]),
  ),
  IsFinite: 'IsFinite',
  IsInf: 'IsInf',
  IsNan: 'IsNan',
};

/** Operations on two tensors that are broadcast to one another. */
const BINARY: Readonly<Record<string, string>> = {
  Add: 'AddV2',
  Atan2: 'Atan2',
  DivNoNan: 'DivNoNan',
  Equal: 'Equal',
  FloorDiv: 'FloorDiv',
  Greater: 'Greater',
  GreaterEqual: 'GreaterEqual',
  Less: 'Less',
  LessEqual: 'LessEqual',
  Maximum: 'Maximum',
  Minimum: 'Minimum',
  Mod: 'FloorMod',
  Multiply: 'Mul',
  NotEqual: 'NotEqual',
  Pow: 'Pow',
  RealDiv: 'RealDiv',
  SquaredDifference: 'SquaredDifference',
  Sub: 'Sub',
};

const LOGICAL = ['LogicalAnd', 'LogicalOr', 'LogicalNot'] as const;

/** Reductions: tfjs's name for the axes, and TensorFlow's operation. */
const REDUCTIONS: Readonly<Record<string, readonly [axes: string, op: string]>> = {
  All: ['axis', 'All'],
  Any: ['axis', 'Any'],
  Max: ['reductionIndices', 'Max'],
  Mean: ['axis', 'Mean'],
  Min: ['axis', 'Min'],
  Prod: ['axis', 'Prod'],
  Sum: ['axis', 'Sum'],
};

const only = (node: GraphNode): Value => node.inputs.x as Value;

const unary =
  (op: string): Lower =>
  ({ graph, node, input }) => [graph.node(op, [input('x')], typed(only(node)))];

const binary =
  (op: string): Lower =>
  ({ graph, node, input }) => {
    const { a, b } = node.inputs as Record<'a' | 'b', Value>;
    return a.dtype === b.dtype ? [graph.node(op, [input('a'), input('b')], typed(a))] : undefined;
  };

const reduction =
  ([axesName, op]: readonly [string, string]): Lower =>
  ({ graph, node, input }) => {
    const x = only(node);
    const given = node.attrs[axesName];
    const all = x.shape.map((_, i) => i);
    const axes = given === null || given === undefined ? all : [given as number | number[]].flat();
    const types = op === 'All' || op === 'Any' ? {} : typed(x);
    const attrs = { ...types, Tidx: { type: 'int32' }, keep_dims: { b: node.attrs.keepDims === true } } as const;
    return [graph.node(op, [input('x'), graph.ints(axes)], attrs)];
  };

const logical =
  (op: string): Lower =>
  ({ graph, node, input }) => [graph.node(op, Object.keys(node.inputs).map(input))];

const each = <T>(table: Readonly<Record<string, T>>, make: (entry: T) => Lower): Record<string, Lower> =>
  Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, make(entry)]));

const LOWERINGS: Readonly<Record<string, Lower>> = {
  ...each(UNARY, unary),
  ...each(BINARY, binary),
  ...each(REDUCTIONS, reduction),
  ...each(Object.fromEntries(LOGICAL.map((name) => [name, name])), logical),
  ...ARRAY_LOWERINGS,
  ...NETWORK_LOWERINGS,
  ...POOL_LOWERINGS,
  ...VOLUME_LOWERINGS,
  ...UPDATE_LOWERINGS,
};

/** Writes a node; `undefined` where TensorFlow has no counterpart that this project knows of. */
export function lower(lowering: Lowering): readonly string[] | undefined {
  const { op } = lowering.node;
  return Object.hasOwn(LOWERINGS, op) ? (LOWERINGS[op] as Lower)(lowering) : undefined;
}
