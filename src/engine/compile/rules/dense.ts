/**
 * Dense layers and convolutions: what tfjs fuses is taken apart, so that the rules below see one form only (engines fuse
 * it again); products of single matrices lose their batch axis; biases and their gradients get operations of their own.
 */
import { type GraphBuilder, type Spec, sameShape, sizeOf, type Value } from '../graph.ts';
import type { Rule } from '../simplify.ts';

const FUSED: Readonly<Record<string, string>> = {
  _FusedMatMul: 'BatchMatMul',
  FusedConv2D: 'Conv2D',
  FusedDepthwiseConv2D: 'DepthwiseConv2dNative',
};

const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
};

export const dense: Rule = (node, inputs, build) => {
  const [out] = node.outputs;
  if (out === undefined) return undefined;
  if (FUSED[node.op] !== undefined) return takeApart(node.op, inputs, node.attrs, out, build);
  const { a, b, x } = inputs;
  if (node.op === 'BatchMatMul' && a !== undefined && b !== undefined) return product(a, b, node.attrs, out, build);
  if (node.op === 'Add' && a !== undefined && b !== undefined) return bias(a, b, out, build) ?? bias(b, a, out, build);
  if (node.op === 'Sum' && x !== undefined) return biasGradient(x, node.attrs, out, build);
  return undefined;
};

type Inputs = Readonly<Record<string, Value>>;

function takeApart(op: string, inputs: Inputs, attrs: Inputs | object, out: Value, build: GraphBuilder) {
  const { activation, leakyreluAlpha: _, ...rest } = attrs as Record<string, unknown>;
  const { bias: added, preluActivationWeights, ...own } = inputs;
  const applied = ACTIVATIONS[activation as string];
  if (preluActivationWeights !== undefined || (applied === undefined && activation !== 'linear')) return undefined;
  let value = build.one(FUSED[op] as string, own, rest, out);
  if (added !== undefined) value = build.one('Add', { a: value, b: added }, {}, out);
  return [applied === undefined ? value : build.one(applied, { x: value }, {}, out)];
}

/** A product of two matrices, also when each has a batch axis of one. */
function product(a: Value, b: Value, attrs: object, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  if (a.shape.length === 2 && b.shape.length === 2) return [build.one('MatMul', { a, b }, { ...attrs }, out)];
  if (a.shape.length !== 3 || b.shape.length !== 3 || a.shape[0] !== 1 || b.shape[0] !== 1) return undefined;
  const flat = (x: Value): Value => {
    const spec = { shape: x.shape.slice(1), dtype: x.dtype };
    return build.one('Reshape', { x }, { shape: spec.shape }, spec);
  };
  const spec = { shape: out.shape.slice(1), dtype: out.dtype };
  const matrix = build.one('MatMul', { a: flat(a), b: flat(b) }, { ...attrs }, spec);
  return [build.one('Reshape', { x: matrix }, { shape: [...out.shape] }, out)];
}

/** A vector that is added along the last axis; leading axes of one are put off until after it. */
function bias(x: Value, b: Value, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  const last = x.shape.at(-1);
  if (b.shape.length !== 1 || b.shape[0] !== last || !sameShape(x.shape, out.shape) || x.dtype !== 'float32')
    return undefined;
  if (x.shape.length < 2) return undefined;
  const below = x.node.op === 'Reshape' ? x.node.inputs.x : undefined;
  if (below === undefined || below.shape.length < 2 || below.shape.at(-1) !== last)
    return [build.one('BiasAdd', { x, b }, {}, out)];
  const added = build.one('BiasAdd', { x: below, b }, {}, below);
  return [build.one('Reshape', { x: added }, { shape: [...out.shape] }, out)];
}

/** A sum over all axes but the last. */
function biasGradient(x: Value, attrs: { readonly axis?: unknown }, out: Value, build: GraphBuilder) {
  const rank = x.shape.length;
  const axes = attrs.axis === null || attrs.axis === undefined ? [] : [attrs.axis as number[]].flat();
  const leading = axes.length === rank - 1 && axes.every((axis) => axis >= 0 && axis < rank - 1);
  if (rank < 2 || !leading || sizeOf(out) !== x.shape.at(-1) || x.dtype !== 'float32') return undefined;
  const flat: Spec = { shape: [sizeOf(x) / sizeOf(out), sizeOf(out)], dtype: x.dtype };
  const rows = build.one('Reshape', { x }, { shape: [...flat.shape] }, flat);
  const sums = build.one('BiasAddGrad', { x: rows }, {}, { shape: [sizeOf(out)], dtype: x.dtype });
  return [build.one('Reshape', { x: sums }, { shape: [...out.shape] }, out)];
}
