/** Softmax, its logarithm and cross-entropy, put together from what losses compose them of. */
import { type GraphBuilder, sameShape, type Value } from '../graph.ts';
import type { Rule } from '../simplify.ts';

export const crossEntropy: Rule = ({ op, attrs, outputs: [out] }, { a, b, x }, build) => {
  if (out?.dtype !== 'float32') return undefined;
  if (op === 'Sub' && a !== undefined && b !== undefined)
    return logSoftmax(a, b, out, build) ?? errorOf(a, b, out, build);
  if (op === 'Exp' && x?.node.op === 'LogSoftmax') {
    const logits = x.node.inputs.x as Value;
    return [build.one('Softmax', { x: logits }, {}, out)];
  }
  if (op === 'Sum' && x !== undefined) return likelihood(x, attrs, out, build);
  return undefined;
};

const isLastAxis = (value: Value, { shape }: Value): boolean =>
  shape.length === 2 && value.shape.length === 2 && value.shape[0] === shape[0] && value.shape[1] === 1;

/** `s - log Σ exp s`, where s is the logits less their largest. */
function logSoftmax(shifted: Value, log: Value, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  if (log.node.op !== 'Log' || shifted.node.op !== 'Sub' || !isLastAxis(log, shifted)) return undefined;
  const sum = log.node.inputs.x as Value;
  const exp = sum.node.op === 'Sum' ? sum.node.inputs.x : undefined;
  if (exp?.node.op !== 'Exp' || exp.node.inputs.x !== shifted) return undefined;
  const { a: logits, b: largest } = shifted.node.inputs as { a: Value; b: Value };
  if (largest.node.op !== 'Max' || largest.node.inputs.x !== logits || !isLastAxis(largest, logits)) return undefined;
  return [build.one('LogSoftmax', { x: logits }, {}, out)];
}

/** `Σ target · log softmax`, over classes or over everything: the cross-entropy, negated. */
function likelihood(x: Value, attrs: { readonly axis?: unknown }, out: Value, build: GraphBuilder) {
  if (x.node.op !== 'Multiply') return undefined;
  const { a, b } = x.node.inputs as { a: Value; b: Value };
  const [log, target] = a.node.op === 'LogSoftmax' ? [a, b] : [b, a];
  if (log.node.op !== 'LogSoftmax' || !sameShape(log.shape, target.shape) || !sameShape(x.shape, log.shape))
    return undefined;
  const logits = log.node.inputs.x as Value;
  const all = out.shape.length === 0;
  const rows = out.shape.length === 1 && out.shape[0] === logits.shape[0] && String(attrs.axis) === '1';
  if (!all && !rows) return undefined;
  const perRow = { shape: [logits.shape[0] as number], dtype: logits.dtype };
  const [loss] = build.add('CrossEntropy', { logits, target }, {}, [perRow, logits]) as [Value, Value];
  const total = all ? build.one('Sum', { x: loss }, { axis: null, keepDims: false }, out) : loss;
  return [build.one('Neg', { x: total }, {}, out)];
}

/** `softmax - target` comes with the cross-entropy of the two. */
function errorOf(probabilities: Value, target: Value, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  if (probabilities.node.op !== 'Softmax') return undefined;
  const logits = probabilities.node.inputs.x as Value;
  if (!sameShape(target.shape, out.shape) || !sameShape(logits.shape, out.shape)) return undefined;
  const perRow = { shape: [logits.shape[0] as number], dtype: logits.dtype };
  const both = build.find('CrossEntropy', { logits, target }, {}, [perRow, logits]);
  return both === undefined ? undefined : [both[1] as Value];
}
