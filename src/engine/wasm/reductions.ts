/**
 * Sum and Mean of float32 tensors, added up in double precision: the backend's own add naively in single precision
 * (the mean of ten million 0.1s is 0.1088 there) and transpose the whole tensor to reduce its leading axes.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers Sum and Mean. */
export function completeReductions(): void {
  complete<tf.SumAttrs>(tf.Sum, (inputs, attrs, work) => reduce(inputs, attrs, work, () => 1));
  complete<tf.MeanAttrs>(tf.Mean, (inputs, attrs, work) => reduce(inputs, attrs, work, (count) => 1 / count));
}

function reduce(
  inputs: Record<string, Info>,
  attrs: tf.SumAttrs,
  work: Workspace,
  scaleOf: (count: number) => number,
): Info {
  const x = inputs.x as Info;
  if (x.dtype !== 'float32') return work.native(inputs, attrs);
  const axes = tf.util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const shape = attrs.keepDims
    ? x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length))
    : kept.map((axis) => x.shape[axis] as number);
  const apart = axes.some((axis, i) => i > 0 && axis !== (axes[i - 1] as number) + 1);
  const source = apart ? work.run(tf.Transpose, { x }, { perm: [...kept, ...axes] }) : x;
  const [first, past] = apart ? [kept.length, x.shape.length] : [axes[0] ?? 0, (axes.at(-1) ?? -1) + 1];
  const outer = tf.util.sizeFromShape(source.shape.slice(0, first));
  const count = tf.util.sizeFromShape(source.shape.slice(first, past));
  const inner = tf.util.sizeFromShape(source.shape.slice(past));
  const out = work.allocate(shape);
  const [from, to] = [work.floats(source), work.floats(out)];
  if (inner === 1) sumRows(from, to, outer, count, scaleOf(count));
  else sumColumns(from, to, { outer, count, inner }, scaleOf(count));
  return out;
}

/** Sums each of `outer` runs of `count` values; four chains of additions keep the adder busy. */
function sumRows(from: Float32Array, to: Float32Array, outer: number, count: number, scale: number): void {
  const whole = count - (count % 4);
  for (let row = 0, at = 0; row < outer; row++) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (const end = at + whole; at < end; at += 4) {
      a += from[at] as number;
      b += from[at + 1] as number;
      c += from[at + 2] as number;
      d += from[at + 3] as number;
    }
    for (let rest = whole; rest < count; rest++) a += from[at++] as number;
    to[row] = (a + b + (c + d)) * scale;
  }
}

const BLOCK = 2048;

/** Sums over the middle axis of [outer, count, inner], a block of columns at a time. */
function sumColumns(
  from: Float32Array,
  to: Float32Array,
  { outer, count, inner }: { outer: number; count: number; inner: number },
  scale: number,
): void {
  const sums = new Float64Array(Math.min(BLOCK, inner));
  for (let slab = 0; slab < outer; slab++)
    for (let start = 0; start < inner; start += BLOCK) {
      const width = Math.min(BLOCK, inner - start);
      sums.fill(0);
      for (let row = 0; row < count; row++) {
        const at = (slab * count + row) * inner + start;
        for (let i = 0; i < width; i++) sums[i] = (sums[i] as number) + (from[at + i] as number);
      }
      for (let i = 0; i < width; i++) to[slab * inner + start + i] = (sums[i] as number) * scale;
    }
}
