/**
 * Sum and Mean of float32 tensors, added up in double precision: the backend's own add naively in single precision
 * (the mean of ten million 0.1s is 0.1088 there) and transpose the whole tensor to reduce its leading axes.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers Sum, Mean and Bincount. */
export function completeReductions(): void {
  complete<tf.SumAttrs>(tf.Sum, (inputs, attrs, work) => reduce(inputs, attrs, work, () => 1));
  complete<tf.MeanAttrs>(tf.Mean, (inputs, attrs, work) => reduce(inputs, attrs, work, (count) => 1 / count));
  // The backend's own counts each row of the first axis by itself, and so gives another shape, where x is not a vector.
  complete<tf.BincountAttrs>(tf.Bincount, ({ x, weights }, attrs, work) => {
    const [flat, ones] = [x as Info, weights as Info].map((one) => work.view(one, [tf.util.sizeFromShape(one.shape)]));
    return work.native({ x: flat as Info, weights: ones as Info }, attrs);
  });
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
  if (inner === 1) sumRows(work.floats(source), work.floats(out), outer, count, scaleOf(count));
  else sumMiddle(source, out, { outer, count, inner }, scaleOf(count), work);
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

interface Extents {
  readonly outer: number;
  readonly count: number;
  readonly inner: number;
}

const BLOCK = 64;

/**
 * Sums over the middle axis of [outer, count, inner]. Blocks of 64 rows are averaged by the backend's pooling, which
 * is eight times faster than a loop; the averages are added up here. Pooling turns NaN into -Infinity, so where
 * something is not finite all is added up here instead.
 */
function sumMiddle(source: Info, out: Info, extents: Extents, scale: number, work: Workspace): void {
  const { outer, count, inner } = extents;
  const blocks = Math.floor(count / BLOCK);
  if (inner >= 4 && blocks >= 4 && (outer === 1 || count % BLOCK === 0)) {
    const x = work.view(source, [outer * blocks, 8, 8, inner]);
    const averages = work.run(tf.AvgPool, { x }, { filterSize: [8, 8], strides: [8, 8], pad: 'valid' });
    const parts = { blocks: work.floats(averages), rows: work.floats(source) };
    if (sumColumns(parts, work.floats(out), extents, blocks, scale)) return;
  }
  const rows = work.floats(source);
  sumColumns({ blocks: rows, rows }, work.floats(out), extents, 0, scale);
}

/** Adds the averages of some blocks and the rows that are left; false when a sum is not finite. */
function sumColumns(
  from: { readonly blocks: Float32Array; readonly rows: Float32Array },
  to: Float32Array,
  { outer, count, inner }: Extents,
  blocks: number,
  scale: number,
): boolean {
  const sums = new Float64Array(inner);
  let finite = true;
  for (let slab = 0; slab < outer; slab++) {
    sums.fill(0);
    addRows(from.blocks, slab * blocks * inner, blocks, sums);
    for (let i = 0; i < inner; i++) sums[i] = (sums[i] as number) * BLOCK;
    addRows(from.rows, (slab * count + blocks * BLOCK) * inner, count - blocks * BLOCK, sums);
    for (let i = 0; i < inner; i++) {
      const sum = sums[i] as number;
      to[slab * inner + i] = sum * scale;
      finite &&= Number.isFinite(sum);
    }
  }
  return finite;
}

function addRows(from: Float32Array, start: number, rows: number, sums: Float64Array): void {
  const width = sums.length;
  for (let row = 0, at = start; row < rows; row++, at += width)
    for (let i = 0; i < width; i++) sums[i] = (sums[i] as number) + (from[at + i] as number);
}
