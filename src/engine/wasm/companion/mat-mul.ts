/** Matrix products on the companion: all four orientations at one speed, batches in place, nothing transposed first. */
import * as tf from '../../../core/tf.ts';
import { finish } from '../fused.ts';
import type { Info } from '../kernels.ts';
import { broadcastIndex, measure } from '../mat-mul.ts';
import { accelerate, type Bench, isFloat, panelBytes, sizeOf } from './accelerate.ts';
import { END, START } from './arguments.ts';

/** Registers BatchMatMul and _FusedMatMul. */
export function accelerateMatMul(): void {
  accelerate<tf.BatchMatMulAttrs>(tf.BatchMatMul, batchMatMul);
  accelerate<tf._FusedMatMulAttrs>(tf._FusedMatMul, (inputs, attrs, { work }) => {
    const { a, b, bias, preluActivationWeights } = inputs as { a: Info; b: Info } & Record<string, Info | undefined>;
    if (!isFloat(a) || !isFloat(b)) return undefined;
    const { transposeA, transposeB } = attrs;
    const product = work.run(tf.BatchMatMul, { a, b }, { transposeA, transposeB });
    return finish(product, { bias, preluActivationWeights }, attrs, work);
  });
}

function batchMatMul(inputs: Record<string, Info>, attrs: tf.BatchMatMulAttrs, bench: Bench): Info | undefined {
  const { a, b } = inputs as { a: Info; b: Info };
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const { m, k, n, batchA, batchB, batch } = measure(a, b, attrs);
  const count = sizeOf(batch);
  if (m * k * n * count === 0) return undefined;
  const { work } = bench;
  const out = work.allocate([...batch, m, n]);
  const panels = work.reserve(panelBytes(k, n));
  const [fromA, fromB, to] = [work.address(a), work.address(b), work.address(out)];
  const { transposeA, transposeB } = attrs;
  if (sizeOf(batchB) === 1 && (count === 1 || !transposeA)) {
    multiply(bench, { a: fromA, b: fromB, panels, c: to, m: m * count, k, n, transposeA, transposeB });
    return out;
  }
  const [indexA, indexB] = [broadcastIndex(batchA, batch), broadcastIndex(batchB, batch)];
  for (let i = 0; i < count; i++) {
    const [left, right] = [fromA + indexA(i) * m * k * 4, fromB + indexB(i) * k * n * 4];
    multiply(bench, { a: left, b: right, panels, c: to + i * m * n * 4, m, k, n, transposeA, transposeB });
  }
  return out;
}

/** C[m, n] = A · B: addresses, sizes, and room for B in panels. */
interface Product {
  readonly a: number;
  readonly panels: number;
  readonly c: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA?: boolean;
}

interface PackedProduct extends Product {
  readonly b: number;
  readonly transposeB: boolean;
}

/** Nanoseconds that a product takes one thread, about. */
const timeOf = ({ m, k, n }: Product): number => (m * k * n) / 16;

/** Few rows are shared out by columns, so that each thread packs its own; many by rows, which then need no more packing. */
function multiply(bench: Bench, product: PackedProduct): void {
  const { a, b, panels, c, m, k, n, transposeA, transposeB } = product;
  if (m > 4 * n && m >= 384) {
    bench.run.packColumns(b, panels, k, n, transposeB ? k : n, transposeB ? 1 : 0, 0, k);
    shareRows(bench, product);
    return;
  }
  bench.share('matMulColumns', { units: Math.ceil(n / 8), time: timeOf(product), align: 2 }, [
    ...[a, b, panels, c, m, n, k, transposeA ? m : k, transposeA ? 1 : 0, transposeB ? k : n, transposeB ? 1 : 0],
    ...[START, END, bench.productScratch()],
  ]);
}

/** Multiplies rows by a B that is packed already. */
export function shareRows(bench: Bench, product: Product): void {
  const { a, panels, c, m, k, n, transposeA } = product;
  bench.share('matMul', { units: m, time: timeOf(product), align: 96 }, [
    ...[a, panels, c, n, n, k, transposeA ? m : k, transposeA ? 1 : 0],
    ...[START, END, bench.productScratch()],
  ]);
}
