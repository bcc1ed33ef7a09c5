/** Products of matrices as instructions, with the bias and the ReLU that follow them done in the same pass. */
import { type Graph, type GraphNode, sizeOf, type Value } from '../graph.ts';
import type { Lowering } from './lower.ts';

/** Multiply-accumulates below which a graph counts as small: some tenths of a millisecond, which no second thread shortens. */
export const SMALL = 10_000_000;

/** Multiply-accumulates of the products of a graph. */
export function productsOf({ nodes }: Graph): number {
  let work = 0;
  for (const { op, inputs, outputs } of nodes) {
    if (op !== 'MatMul') continue;
    const sizes = [...Object.values(inputs), ...outputs].map(sizeOf);
    work += Math.sqrt(sizes.reduce((product, size) => product * size, 1));
  }
  return work;
}

/** Which nodes are done by the one that follows them: nothing else looks at what they give. */
export function absorbed({ nodes, outputs, updates }: Graph): ReadonlySet<GraphNode> {
  const uses = new Map<Value, number>();
  const use = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const { inputs } of nodes) for (const value of Object.values(inputs)) use(value);
  for (const value of [...outputs.values(), ...updates.values()]) use(value);
  const found = new Set<GraphNode>();
  for (const { op, inputs } of nodes) {
    const { x } = inputs;
    if (x === undefined || uses.get(x) !== 1) continue;
    const product = x.node.op === 'MatMul';
    const sum = x.node.op === 'BiasAdd' && found.has((x.node.inputs.x as Value).node);
    if ((op === 'BiasAdd' && product) || (op === 'Relu' && (product || sum))) found.add(x.node);
  }
  return found;
}

/** How many floats a product needs to bring its right operand into shape. */
const packing = (columns: number, depth: number): number => depth * (Math.ceil(columns / 16) + 1) * 16;

/**
 * Writes a product, or what comes after one that was left to it. Returns the floats it needs beside; `undefined` when the
 * node is neither.
 */
export function lowerProduct({ node, memory, add }: Lowering, done: ReadonlySet<GraphNode>): number | undefined {
  const relu = node.op === 'Relu' && done.has((node.inputs.x as Value).node);
  const sum = relu ? (node.inputs.x as Value).node : node;
  const bias = sum.op === 'BiasAdd' && done.has((sum.inputs.x as Value).node);
  const product = bias ? (sum.inputs.x as Value).node : sum;
  if (product.op !== 'MatMul') return undefined;
  const { a, b } = product.inputs as Record<'a' | 'b', Value>;
  const { transposeA, transposeB } = product.attrs as Record<string, boolean>;
  const [m, n] = (product.outputs[0] as Value).shape as [number, number];
  const depth = (transposeA === true ? a.shape[0] : a.shape[1]) as number;
  const stepsA = transposeA === true ? [1, m] : [depth, 1];
  const stepsB = transposeB === true ? [1, depth] : [n, 1];
  const added = bias ? memory.of(sum.inputs.b as Value) : -1;
  const out = memory.of(node.outputs[0] as Value);
  add('product', [out, memory.of(a), memory.of(b), added, Number(relu), m, n, depth, ...stepsA, ...stepsB]);
  return packing(n, depth);
}
