/** Operations that small steps have no instruction for, written as several that they have. */
import { type Graph, type GraphBuilder, type GraphNode, rewrite, type Spec, sizeOf, type Value } from '../graph.ts';

type Inputs = Readonly<Record<string, Value>>;
type Compose = (node: GraphNode, inputs: Inputs, build: GraphBuilder) => readonly Value[];

/** Arithmetic on values that are broadcast to the left one, and sums over all axes but the last. */
function calculator(build: GraphBuilder) {
  const zip =
    (op: string) =>
    (a: Value, b: Value): Value =>
      build.one(op, { a, b }, {}, a);
  const scalar = (value: number): Value => build.fill(value, { shape: [], dtype: 'float32' });
  return {
    add: zip('Add'),
    sub: zip('Sub'),
    mul: zip('Multiply'),
    inverse: (variance: Value, epsilon: number): Value =>
      build.one('Rsqrt', { x: build.one('Add', { a: variance, b: scalar(epsilon) }, {}, variance) }, {}, variance),
    over: (op: 'Sum' | 'Mean', x: Value): Value => {
      const spec: Spec = { shape: x.shape.slice(-1), dtype: x.dtype };
      return build.one(op, { x }, { axis: x.shape.slice(1).map((_, i) => i) }, spec);
    },
    scaled: (x: Value, factor: number): Value => build.one('Multiply', { a: x, b: scalar(factor) }, {}, x),
  };
}

const COMPOSED: Readonly<Record<string, Compose>> = {
  AddN: ({ outputs }, inputs, build) => {
    const [first, ...others] = Object.values(inputs) as [Value, ...Value[]];
    const sum = others.reduce((a, b) => build.one('Add', { a, b }, {}, outputs[0] as Value), first);
    return [sum];
  },

  FusedBatchNorm: ({ attrs }, inputs, build) => {
    const { x, mean, variance, scale, offset } = inputs as Record<'x' | 'mean' | 'variance', Value> & Inputs;
    const { add, sub, mul, inverse } = calculator(build);
    let y = mul(sub(x, mean), inverse(variance, attrs.varianceEpsilon as number));
    if (scale !== undefined) y = mul(y, scale);
    return [offset === undefined ? y : add(y, offset)];
  },

  /** The batch's own mean and variance (Ioffe and Szegedy 2015). */
  BatchNormTrain: ({ attrs }, inputs, build) => {
    const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', Value>;
    const { add, sub, mul, inverse, over } = calculator(build);
    const mean = over('Mean', x);
    const centred = sub(x, mean);
    const variance = over('Mean', mul(centred, centred));
    const y = add(mul(mul(centred, inverse(variance, attrs.epsilon as number)), scale), offset);
    return [y, mean, variance];
  },

  BatchNormTrainGrad: ({ attrs }, inputs, build) => {
    const { x, dy, mean, variance, scale } = inputs as Record<'x' | 'dy' | 'mean' | 'variance' | 'scale', Value>;
    const { add, sub, mul, inverse, over, scaled } = calculator(build);
    const root = inverse(variance, attrs.epsilon as number);
    const normed = mul(sub(x, mean), root);
    const ofScale = over('Sum', mul(dy, normed));
    const ofOffset = over('Sum', dy);
    const rows = sizeOf(x) / sizeOf(mean);
    const shared = scaled(add(mul(normed, ofScale), ofOffset), 1 / rows);
    return [mul(mul(sub(dy, shared), root), scale), ofScale, ofOffset];
  },
};

/** The same graph without these operations. */
export function composed(graph: Graph): Graph {
  return rewrite(graph, (node, inputs, build) => COMPOSED[node.op]?.(node, inputs, build));
}
