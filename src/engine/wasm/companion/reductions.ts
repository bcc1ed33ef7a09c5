/** Sum, Mean, Max and Min of float32 tensors on the companion, and the transposition of matrices. */
import * as tf from '../../../core/tf.ts';
import type { Info } from '../kernels.ts';
import { accelerate, type Bench, isFloat, sizeOf } from './accelerate.ts';
import { along, COUNT, END, START } from './arguments.ts';

/** Registers Sum, Mean, Max, Min and Transpose. */
export function accelerateReductions(): void {
  accelerate<tf.SumAttrs>(tf.Sum, ({ x }, attrs, bench) => sum(x as Info, attrs, bench, () => 1));
  accelerate<tf.MeanAttrs>(tf.Mean, ({ x }, attrs, bench) => sum(x as Info, attrs, bench, (count) => 1 / count));
  accelerate<tf.MaxAttrs>(tf.Max, ({ x }, { reductionIndices: axis, keepDims }, bench) =>
    extreme(x as Info, { axis, keepDims }, bench, 'maxRows'),
  );
  accelerate<tf.MinAttrs>(tf.Min, ({ x }, attrs, bench) => extreme(x as Info, attrs, bench, 'minRows'));
  accelerate<tf.TransposeAttrs>(tf.Transpose, ({ x }, { perm }, bench) => transpose(x as Info, perm, bench));
}

type Attrs = { readonly axis: number | number[]; readonly keepDims: boolean };

interface Reduction {
  /** The input as [outer, count, inner], of which the middle is reduced. */
  readonly outer: number;
  readonly count: number;
  readonly inner: number;
  /** The shape of the result. */
  readonly shape: number[];
}

/** How to see a reduction as one of the middle of three axes; undefined where the axes lie apart. */
function reductionOf(x: Info, { axis, keepDims }: Attrs): Reduction | undefined {
  const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
  if (axes.some((one, i) => i > 0 && one !== (axes[i - 1] as number) + 1)) return undefined;
  const [first, past] = [axes[0] ?? 0, (axes.at(-1) ?? -1) + 1];
  const shape = keepDims
    ? x.shape.map((length, i) => (axes.includes(i) ? 1 : length))
    : x.shape.filter((_, i) => !axes.includes(i));
  return {
    outer: sizeOf(x.shape.slice(0, first)),
    count: sizeOf(x.shape.slice(first, past)),
    inner: sizeOf(x.shape.slice(past)),
    shape,
  };
}

function sum(x: Info, attrs: Attrs, bench: Bench, scaleOf: (count: number) => number): Info | undefined {
  const reduction = isFloat(x) ? reductionOf(x, attrs) : undefined;
  if (!reduction || sizeOf(x.shape) === 0) return undefined;
  const { outer, count, inner, shape } = reduction;
  const { work } = bench;
  const out = work.allocate(shape);
  const [from, to, scale] = [work.address(x), work.address(out), scaleOf(count)];
  if (inner === 1) {
    const rows = [along(from, count * 4), along(to, 4)];
    bench.share('sumRows', { units: outer, time: (outer * count) / 2 }, [...rows, COUNT, count, scale]);
    return out;
  }
  const sums = along(work.reserve(inner * 8), 8);
  for (let i = 0; i < outer; i++) {
    const columns = [along(from + i * count * inner * 4, 4), along(to + i * inner * 4, 4), sums];
    const part = { units: inner, time: (count * inner) / 2, align: 16 };
    bench.share('sumColumns', part, [...columns, count, COUNT, inner, scale]);
  }
  return out;
}

function extreme(x: Info, attrs: Attrs, bench: Bench, routine: 'maxRows' | 'minRows'): Info | undefined {
  if (!isFloat(x) || sizeOf(x.shape) === 0) return undefined;
  const { work } = bench;
  const axes = tf.util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const last = axes.every((axis, i) => axis === kept.length + i);
  const source = last ? x : work.run(tf.Transpose, { x }, { perm: [...kept, ...axes] });
  const lengths = x.shape.map((length, i) => (axes.includes(i) ? 1 : length));
  const out = work.allocate(attrs.keepDims ? lengths : kept.map((i) => x.shape[i] as number));
  const [size, rows] = [sizeOf(x.shape), sizeOf(out.shape)];
  const [from, to] = [along(work.address(source), (size / rows) * 4), along(work.address(out), 4)];
  bench.share(routine, { units: rows, time: size / 2 }, [from, to, COUNT, size / rows]);
  return out;
}

/** Permutations that, axes of length 1 and neighbours that stay together aside, swap the last two of three axes. */
function transpose(x: Info, perm: number[], bench: Bench): Info | undefined {
  if (x.dtype !== 'float32' && x.dtype !== 'int32') return undefined;
  const order = perm.filter((axis) => x.shape[axis] !== 1);
  const sorted = [...order].sort((a, b) => a - b);
  if (sizeOf(x.shape) === 0 || order.length < 2) return undefined;
  let fixed = 0;
  while (fixed < order.length && order[fixed] === sorted[fixed]) fixed++;
  const cut = order.indexOf(sorted[fixed] as number);
  const swapped = [...order.slice(0, fixed), ...order.slice(cut), ...order.slice(fixed, cut)];
  if (fixed === order.length || !swapped.every((axis, i) => axis === sorted[i])) return undefined;
  return swapLastTwo(x, perm, lengthOf(x, order.slice(0, fixed)), lengthOf(x, order.slice(fixed, cut)), bench);
}

const lengthOf = (x: Info, axes: number[]): number => sizeOf(axes.map((axis) => x.shape[axis] as number));

function swapLastTwo(x: Info, perm: number[], count: number, columns: number, bench: Bench): Info {
  const { work } = bench;
  const out = work.allocate(
    perm.map((axis) => x.shape[axis] as number),
    x.dtype,
  );
  const rows = sizeOf(x.shape) / count / columns;
  const [from, to] = [work.address(x), work.address(out)];
  for (let i = 0; i < count; i++) {
    const at = i * rows * columns * 4;
    const part = { units: rows, time: rows * columns, align: 32 };
    bench.share('transpose', part, [from + at, to + at, rows, columns, START, END]);
  }
  return out;
}
