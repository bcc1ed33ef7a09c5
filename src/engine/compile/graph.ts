/**
 * The graph of a step: operations in an order in which they can run, joined by typed values. It knows no engine. Operations
 * have the names and attributes of tfjs kernels; beside them there are the sources below and a few of our own.
 */
import type { DType, Origin } from './tape.ts';

/** What flows along an edge: the output of a node. */
export interface Value {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly node: GraphNode;
  readonly index: number;
}

/** Attributes: plain data. */
export type Attrs = Readonly<Record<string, unknown>>;

/** An operation, or a source of values. */
export interface GraphNode {
  readonly op: string;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly attrs: Attrs;
  readonly outputs: readonly Value[];
  readonly at: Origin | undefined;
}

/** A computation: what it gives back, and the states that it replaces, both by name. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly outputs: ReadonlyMap<string, Value>;
  readonly updates: ReadonlyMap<string, Value>;
}

/** Shape and dtype of an output. */
export interface Spec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Sources, which have no inputs. `Input`: a tensor of the batch. `State`: what lasts from step to step, such as a parameter.
 * `Number`: a fed scalar. `Constant`: values, or one value throughout. `Varying`: made on the host with other values at each
 * step, and `Stranger`: made elsewhere by an earlier step; both keep a step that needs them from being compiled.
 */
export const SOURCES = ['Input', 'State', 'Number', 'Constant', 'Varying', 'Stranger'] as const;

/** Operations that give other values each time they run, and so are never merged. */
const RANDOM: ReadonlySet<string> = new Set(['KelvinBernoulli']);

/** Builds a graph node by node. A node that is there already is not made twice (common subexpressions). */
export class GraphBuilder {
  readonly nodes: GraphNode[] = [];
  readonly #known = new Map<string, GraphNode>();
  #values = 0;

  /** Adds an operation and returns its outputs. */
  add(
    op: string,
    inputs: Readonly<Record<string, Value>>,
    attrs: Attrs,
    specs: readonly Spec[],
    at?: Origin,
  ): readonly Value[] {
    const key = RANDOM.has(op) ? undefined : keyOf(op, inputs, attrs, specs);
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known.outputs;
    const outputs: Value[] = [];
    const node: GraphNode = { op, inputs, attrs, outputs, at };
    for (const [index, { shape, dtype }] of specs.entries())
      outputs.push({ id: this.#values++, shape: [...shape], dtype, node, index });
    this.nodes.push(node);
    if (key !== undefined) this.#known.set(key, node);
    return outputs;
  }

  /** The outputs of an operation that is there already. */
  find(
    op: string,
    inputs: Readonly<Record<string, Value>>,
    attrs: Attrs,
    specs: readonly Spec[],
  ): readonly Value[] | undefined {
    return this.#known.get(keyOf(op, inputs, attrs, specs))?.outputs;
  }

  /** Adds an operation with one output. */
  one(op: string, inputs: Readonly<Record<string, Value>>, attrs: Attrs, spec: Spec, at?: Origin): Value {
    return this.add(op, inputs, attrs, [spec], at)[0] as Value;
  }

  /** A constant with one value throughout. */
  fill(value: number, spec: Spec): Value {
    return this.one('Constant', {}, { value }, spec);
  }
}

let arrays = 0;
const arrayKeys = new WeakMap<object, string>();

function keyOf(op: string, inputs: Readonly<Record<string, Value>>, attrs: Attrs, specs: readonly Spec[]): string {
  const from = Object.entries(inputs).map(([name, { id }]) => `${name}=${id}`);
  const about = JSON.stringify(attrs, (_, value: unknown) => (ArrayBuffer.isView(value) ? arrayKey(value) : value));
  const into = specs.map(({ shape, dtype }) => `${dtype}[${shape}]`);
  return `${op}(${from})${about}${into}`;
}

/** Small arrays are told apart by their values, large ones by identity. */
function arrayKey(array: ArrayBufferView): string {
  if (array.byteLength <= 256) return `values:${Array.from(array as Float32Array)}`;
  const known = arrayKeys.get(array);
  if (known !== undefined) return known;
  const key = `array:${arrays++}`;
  arrayKeys.set(array, key);
  return key;
}

/** The number of elements of a value. */
export function sizeOf({ shape }: Spec): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The same shape. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** The number that a value is throughout, if it is known to be one. */
export function uniform({ node }: Value): number | undefined {
  return node.op === 'Constant' ? (node.attrs.value as number | undefined) : undefined;
}

/** Copies a graph node by node. `change` may put other values in the place of a node's outputs. */
export function rewrite(
  graph: Graph,
  change: (
    node: GraphNode,
    inputs: Readonly<Record<string, Value>>,
    build: GraphBuilder,
  ) => readonly Value[] | undefined,
): Graph {
  const build = new GraphBuilder();
  const moved = new Map<Value, Value>();
  const of = (value: Value): Value => moved.get(value) as Value;
  for (const node of graph.nodes) {
    const inputs = Object.fromEntries(Object.entries(node.inputs).map(([name, value]) => [name, of(value)]));
    const outputs = change(node, inputs, build) ?? build.add(node.op, inputs, node.attrs, node.outputs, node.at);
    for (const [i, value] of node.outputs.entries()) moved.set(value, outputs[i] as Value);
  }
  const move = (values: ReadonlyMap<string, Value>) => new Map([...values].map(([name, value]) => [name, of(value)]));
  return prune({ nodes: build.nodes, outputs: move(graph.outputs), updates: move(graph.updates) });
}

/** Leaves out what neither an output nor a state depends on. */
export function prune(graph: Graph): Graph {
  const live = new Set<GraphNode>();
  for (const value of [...graph.outputs.values(), ...graph.updates.values()]) live.add(value.node);
  for (const node of graph.nodes.toReversed())
    if (live.has(node)) for (const { node: source } of Object.values(node.inputs)) live.add(source);
  return { ...graph, nodes: graph.nodes.filter((node) => live.has(node)) };
}
