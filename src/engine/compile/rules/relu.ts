/** The gradient of ReLU, which tfjs composes of a comparison, a cast and a product. */
import { type GraphBuilder, sameShape, type Value } from '../graph.ts';
import type { Rule } from '../simplify.ts';

/** `dy · step(x)` is `ReluGrad`, which reads the output where there is one: so the input need not be kept. */
export const relu: Rule = ({ op, outputs: [out] }, { a, b }, build) => {
  if (op !== 'Multiply' || a === undefined || b === undefined || out === undefined) return undefined;
  return gradient(a, b, out, build) ?? gradient(b, a, out, build);
};

function gradient(dy: Value, slope: Value, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  const step = slope.node.op === 'Cast' ? slope.node.inputs.x : slope;
  if (step?.node.op !== 'Step' || step.node.attrs.alpha !== 0 || dy.dtype !== 'float32') return undefined;
  const x = step.node.inputs.x as Value;
  if (x.dtype !== 'float32' || !sameShape(x.shape, out.shape) || !sameShape(dy.shape, out.shape)) return undefined;
  const y = build.find('Relu', { x }, {}, [x])?.[0] ?? x;
  return [build.one('ReluGrad', { dy, y }, {}, out)];
}
