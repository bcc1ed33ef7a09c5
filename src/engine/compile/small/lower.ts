/** What each operation of a graph is as instructions of small steps. */
import { type GraphNode, sameShape, sizeOf, type Value } from '../graph.ts';
import { floatBits, type KIND, MAP, REDUCE, ZIP } from './functions.ts';
import { broadcastSteps, loopOf, reductionSteps, stepsOf } from './loops.ts';
import type { Memory } from './memory.ts';

/** What a lowering works with. */
export interface Lowering {
  readonly node: GraphNode;
  readonly memory: Memory;
  /** The buffer of an input. */
  readonly input: (name: string) => number;
  /** Adds an instruction. */
  readonly add: (kind: keyof typeof KIND, operands: readonly number[]) => void;
  /** The buffer of the seeds. */
  readonly seeds: () => number;
}

/** Writes a node; `false` where it has no counterpart. */
export type Lower = (lowering: Lowering) => boolean;

const outputOf = ({ node }: Lowering): Value => node.outputs[0] as Value;
const inputOf = ({ node }: Lowering, name: string): Value => node.inputs[name] as Value;
const isFloat = ({ dtype }: Value): boolean => dtype !== 'int32';

/** One function of each element. */
function mapped(at: Lowering, name: string, from = 'x', attrs: readonly number[] = [0, 0]): boolean {
  const out = outputOf(at);
  at.add('map', [MAP[name] as number, at.memory.of(out), at.input(from), sizeOf(out), ...attrs.map(floatBits)]);
  return true;
}

function zipped(at: Lowering, name: string, [left, right]: readonly [string, string]): boolean {
  const out = outputOf(at);
  const steps = [left, right].map((side) => broadcastSteps(inputOf(at, side).shape, out.shape));
  const loop = loopOf(out.shape, ...steps);
  if (loop === undefined) return false;
  at.add('zip', [ZIP[name] as number, at.memory.of(out), at.input(left), at.input(right), ...loop]);
  return true;
}

/** Gathers the elements of `x`, or of what begins within it, in steps of their own. */
function gathered(at: Lowering, steps: readonly number[], from = at.input('x')): boolean {
  const out = outputOf(at);
  const loop = loopOf(out.shape, steps);
  if (loop === undefined) return false;
  at.add('gather', [at.memory.of(out), from, ...loop]);
  return true;
}

function reduced(at: Lowering, [name, axesName]: readonly [number, string]): boolean {
  const { node, memory } = at;
  const x = inputOf(at, 'x');
  const given = node.attrs[axesName];
  const all = x.shape.map((_, i) => i);
  const axes = given === null || given === undefined ? all : [given as number | number[]].flat();
  const out = outputOf(at);
  const own = stepsOf(x.shape);
  const positive = axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  const loop = loopOf(x.shape, reductionSteps(x.shape, positive), own);
  if (loop === undefined) return false;
  const factor = node.op === 'Mean' ? Math.fround(sizeOf(out) / sizeOf(x)) : 1;
  at.add('reduce', [name, memory.of(out), at.input('x'), sizeOf(out), floatBits(factor), ...loop.slice(0, 8)]);
  return true;
}

/** Rows and columns, when an operation goes along the last axis. */
function rowsOf({ shape }: Value, axis: unknown): readonly [number, number] | undefined {
  const [given] = [axis ?? -1].flat() as number[];
  if (shape.length === 0 || (given !== -1 && given !== shape.length - 1)) return undefined;
  const columns = shape.at(-1) as number;
  return columns === 0 ? undefined : [sizeOf({ shape, dtype: 'float32' }) / columns, columns];
}

const softmax =
  (logarithm: 0 | 1): Lower =>
  (at) => {
    const name = at.node.inputs.x === undefined ? 'logits' : 'x';
    const rows = rowsOf(inputOf(at, name), at.node.attrs.dim ?? at.node.attrs.axis);
    if (rows === undefined) return false;
    at.add('softmax', [at.memory.of(outputOf(at)), at.input(name), ...rows, logarithm]);
    return true;
  };

const each = <T>(table: Readonly<Record<string, T>>, make: (name: string, entry: T) => Lower): Record<string, Lower> =>
  Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, make(name, entry)]));

const floats =
  (lower: Lower): Lower =>
  (at) =>
    Object.values(at.node.inputs).every(isFloat) && lower(at);

const EQUALITY = ['a', 'b'] as const;

const LOWERINGS: Readonly<Record<string, Lower>> = {
  ...each(MAP, (name) => floats((at) => mapped(at, name))),
  ...each(ZIP, (name) => floats((at) => zipped(at, name, EQUALITY))),
  ...each(REDUCE, (_, entry) => floats((at) => reduced(at, entry))),

  LeakyRelu: floats((at) => mapped(at, 'LeakyRelu', 'x', [at.node.attrs.alpha as number, 0])),
  ClipByValue: floats((at) => {
    const { clipValueMin, clipValueMax } = at.node.attrs as Record<string, number>;
    return mapped(at, 'ClipByValue', 'x', [clipValueMin as number, clipValueMax as number]);
  }),
  Step: floats((at) => at.node.attrs.alpha === 0 && mapped(at, 'Step')),
  ReluGrad: (at) => zipped(at, 'ReluGrad', ['dy', 'y']),
  EluGrad: (at) => zipped(at, 'EluGrad', ['dy', 'y']),
  LogicalAnd: (at) => zipped(at, 'Multiply', EQUALITY),
  LogicalOr: (at) => zipped(at, 'Maximum', EQUALITY),
  Equal: (at) => {
    const both = [inputOf(at, 'a'), inputOf(at, 'b')].filter(isFloat).length;
    return both !== 1 && zipped(at, both === 2 ? 'Equal' : 'Equal of int32', EQUALITY);
  },

  Reshape: ({ node, memory, input }) => {
    memory.place(node.outputs[0] as Value, input('x'));
    return true;
  },
  Cast: (at) => {
    const [from, to] = [inputOf(at, 'x').dtype, outputOf(at).dtype];
    if (from === to || (from === 'bool' && to === 'float32')) {
      at.memory.place(outputOf(at), at.input('x'));
      return true;
    }
    return mapped(at, `${from === 'bool' ? 'float32' : from} to ${to}`);
  },
  BroadcastTo: (at) => gathered(at, broadcastSteps(inputOf(at, 'x').shape, outputOf(at).shape)),
  Transpose: (at) => {
    const own = stepsOf(inputOf(at, 'x').shape);
    return gathered(
      at,
      (at.node.attrs.perm as readonly number[]).map((axis) => own[axis] as number),
    );
  },
  Slice: (at) => {
    const own = stepsOf(inputOf(at, 'x').shape);
    const begin = [at.node.attrs.begin as number | number[]].flat();
    const offset = own.reduce((sum, step, i) => sum + step * (begin[i] ?? 0), 0);
    return gathered(at, own, at.memory.part(at.input('x'), offset));
  },

  BiasAdd: (at) => {
    const out = outputOf(at);
    const loop = loopOf(out.shape, stepsOf(out.shape), broadcastSteps(inputOf(at, 'b').shape, out.shape));
    if (loop === undefined) return false;
    at.add('zip', [ZIP.Add as number, at.memory.of(out), at.input('x'), at.input('b'), ...loop]);
    return true;
  },
  BiasAddGrad: (at) => {
    const { shape } = inputOf(at, 'x');
    const out = outputOf(at);
    const leading = shape.slice(1).map((_, i) => i);
    const loop = loopOf(shape, reductionSteps(shape, leading));
    if (loop === undefined) return false;
    at.add('reduce', [0, at.memory.of(out), at.input('x'), sizeOf(out), floatBits(1), ...loop]);
    return true;
  },

  OneHot: (at) => {
    const out = outputOf(at);
    const { depth, onValue, offValue } = at.node.attrs as Record<'depth' | 'onValue' | 'offValue', number>;
    if (inputOf(at, 'indices').dtype !== 'int32') return false;
    const bits = [onValue, offValue].map((value) => (out.dtype === 'int32' ? value : floatBits(value)));
    at.add('oneHot', [at.memory.of(out), at.input('indices'), sizeOf(out) / depth, depth, ...bits]);
    return true;
  },
  CrossEntropy: (at) => {
    const { memory, node, input } = at;
    const [loss, error] = node.outputs as [Value, Value];
    const [rows, columns] = error.shape as readonly number[];
    const operands = [
      memory.of(loss),
      memory.of(error),
      input('logits'),
      input('target'),
      rows as number,
      columns as number,
    ];
    at.add('crossEntropy', operands);
    return true;
  },
  Softmax: softmax(0),
  LogSoftmax: softmax(1),
  ArgMax: (at) => {
    const rows = isFloat(inputOf(at, 'x')) ? rowsOf(inputOf(at, 'x'), at.node.attrs.axis) : undefined;
    if (rows === undefined) return false;
    at.add('argMax', [at.memory.of(outputOf(at)), at.input('x'), ...rows]);
    return true;
  },
  Select: (at) => {
    const inputs = ['condition', 't', 'e'];
    const out = outputOf(at);
    if (!inputs.every((name) => sameShape(inputOf(at, name).shape, out.shape))) return false;
    at.add('choice', [at.memory.of(out), ...inputs.map(at.input), sizeOf(out)]);
    return true;
  },
  KelvinBernoulli: (at) => {
    const { probability, value, draw } = at.node.attrs as Record<'probability' | 'value' | 'draw', number>;
    const out = outputOf(at);
    const threshold = floatBits(Math.fround(probability) * 2 ** 23);
    at.add('mask', [at.memory.of(out), sizeOf(out), at.seeds(), draw, threshold, floatBits(value)]);
    return true;
  },
};

/** Writes a node; false where small steps have no counterpart. */
export function lowerSmall(lowering: Lowering): boolean {
  const { op } = lowering.node;
  return Object.hasOwn(LOWERINGS, op) && (LOWERINGS[op] as Lower)(lowering);
}
