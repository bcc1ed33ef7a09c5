/** Arithmetic with numbers that are known: computed once, moved to where it costs least, or left out. */
import { type GraphBuilder, sameShape, sizeOf, uniform, type Value } from '../graph.ts';
import type { Rule } from '../simplify.ts';

const FOLD: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Multiply: (a, b) => a * b,
  RealDiv: (a, b) => a / b,
};

export const arithmetic: Rule = ({ op, outputs: [out] }, { a, b, x }, build) => {
  if (out?.dtype !== 'float32') return undefined;
  if (op === 'Neg' && x !== undefined) return [build.one('Multiply', { a: x, b: scalar(-1, build) }, {}, out)];
  if (op === 'ZerosLike' || op === 'OnesLike') return [build.fill(op === 'OnesLike' ? 1 : 0, out)];
  if (a?.dtype !== 'float32' || b?.dtype !== 'float32' || FOLD[op] === undefined) return undefined;
  const [left, right] = [uniform(a), uniform(b)];
  if (left !== undefined && right !== undefined) return [build.fill(Math.fround(FOLD[op](left, right)), out)];
  if (right !== undefined) return withNumber(op, a, right, b, out, build);
  if (left !== undefined && (op === 'Multiply' || op === 'Add')) return withNumber(op, b, left, a, out, build);
  return undefined;
};

const scalar = (value: number, build: GraphBuilder): Value => build.fill(value, { shape: [], dtype: 'float32' });

/** `x op number`, where the number may be spread over a shape of its own. */
function withNumber(op: string, x: Value, number: number, given: Value, out: Value, build: GraphBuilder) {
  if (op === 'RealDiv')
    return [build.one('Multiply', { a: x, b: build.fill(Math.fround(1 / number), given) }, {}, out)];
  if (!sameShape(x.shape, out.shape)) return spread(op, x, number, out, build);
  const neutral = op === 'Multiply' ? 1 : 0;
  if (number === neutral) return [x];
  if (op !== 'Multiply')
    return given.shape.length > 0 ? [build.one(op, { a: x, b: scalar(number, build) }, {}, out)] : undefined;
  const below = factorOf(x);
  if (below !== undefined)
    return [build.one('Multiply', { a: below.rest, b: scalar(Math.fround(below.factor * number), build) }, {}, out)];
  if (x.node.op === 'BroadcastTo') {
    const narrow = x.node.inputs.x as Value;
    const scaled = build.one('Multiply', { a: narrow, b: scalar(number, build) }, {}, narrow);
    return [build.one('BroadcastTo', { x: scaled }, { shape: [...out.shape] }, out)];
  }
  return given.shape.length > 0 ? [build.one(op, { a: x, b: scalar(number, build) }, {}, out)] : undefined;
}

/** Arithmetic that gives a larger shape is done before it is spread. */
function spread(op: string, x: Value, number: number, out: Value, build: GraphBuilder): readonly Value[] | undefined {
  if (sizeOf(x) >= sizeOf(out)) return undefined;
  const narrow = build.one(op, { a: x, b: scalar(number, build) }, {}, x);
  return [build.one('BroadcastTo', { x: narrow }, { shape: [...out.shape] }, out)];
}

/** A product with a known number, taken apart. */
function factorOf(x: Value): { readonly rest: Value; readonly factor: number } | undefined {
  if (x.node.op !== 'Multiply') return undefined;
  const { a, b } = x.node.inputs as { a: Value; b: Value };
  const [ofA, ofB] = [uniform(a), uniform(b)];
  if (ofB !== undefined && sameShape(a.shape, x.shape)) return { rest: a, factor: ofB };
  if (ofA !== undefined && sameShape(b.shape, x.shape)) return { rest: b, factor: ofA };
  return undefined;
}
