/** The gradient of ReLU, which tfjs composes of a comparison, a cast and a product. */
import { type GraphBuilder, sameShape, uniform, type Value } from '../graph.ts';
import type { Rule } from '../simplify.ts';

/** `dy · step(x)` is `ReluGrad`, which reads the output where there is one: so the input need not be kept. */
export const relu: Rule = ({ op, outputs: [out] }, { a, b }, build) => {
  if (op !== 'Multiply' || a === undefined || b === undefined || out === undefined) return undefined;
  return gradient(a, b, out, build) ?? gradient(b, a, out, build);
};

function gradient(dy: Value, slope: Value, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  const x = steppedOf(slope);
  if (x === undefined || dy.dtype !== 'float32') return undefined;
  if (x.dtype !== 'float32' || !sameShape(x.shape, out.shape) || !sameShape(dy.shape, out.shape)) return undefined;
  const y = build.find('Relu', { x }, {}, [x])?.[0] ?? x;
  return [build.one('ReluGrad', { dy, y }, {}, out)];
}

/** The tensor whose step function a value is: 1 where it is above 0, else 0. Backends without the kernel compare. */
function steppedOf(slope: Value): Value | undefined {
  const step = slope.node.op === 'Cast' ? (slope.node.inputs.x as Value) : slope;
  if (step.node.op === 'Step') return step.node.attrs.alpha === 0 ? step.node.inputs.x : undefined;
  if (step.dtype !== 'bool') return undefined;
  const negated = step.node.op === 'LogicalNot';
  const { op, inputs } = negated ? (step.node.inputs.x as Value).node : step.node;
  const { a, b } = inputs;
  if (op !== (negated ? 'LessEqual' : 'Greater') || b === undefined || uniform(b) !== 0) return undefined;
  return a;
}
