/**
 * Matrix products through XNNPACK. The backend's own kernel takes that path only for one pair of matrices without
 * transposition, and is ten times slower off it: so operands are transposed first and batches are taken apart.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';
import { computeOnCpu } from './via-cpu.ts';

/** Below this many multiplications the plain loop is faster than moving operands about. */
const SMALL = 8192;

/** Registers BatchMatMul and _FusedMatMul. */
export function completeMatMul(): void {
  complete<tf.BatchMatMulAttrs>(tf.BatchMatMul, batchMatMul);
  complete<tf._FusedMatMulAttrs>(tf._FusedMatMul, (inputs, attrs, work) => {
    const { transposeA, transposeB } = attrs;
    if (!transposeA && !transposeB) return work.native(inputs, attrs);
    const a = transposeA ? transposeLast(inputs.a as Info, work) : (inputs.a as Info);
    const b = transposeB ? transposeLast(inputs.b as Info, work) : (inputs.b as Info);
    return work.native({ ...inputs, a, b }, { ...attrs, transposeA: false, transposeB: false });
  });
}

/** The product of [m, k] and [k, n] matrices, for other kernels. */
export function product(a: Info, b: Info, work: Workspace): Info {
  return work.run(tf.BatchMatMul, { a, b }, { transposeA: false, transposeB: false });
}

/** What a product is made of. */
interface Sizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly batchA: number[];
  readonly batchB: number[];
  /** The batch dimensions of the result. */
  readonly batch: number[];
}

function batchMatMul(inputs: Record<string, Info>, attrs: tf.BatchMatMulAttrs, work: Workspace): Info {
  const { a, b } = inputs as { a: Info; b: Info };
  if (a.dtype !== 'float32' || b.dtype !== 'float32') return computeOnCpu(tf.BatchMatMul, { a, b }, attrs, work);
  const sizes = measure(a, b, attrs);
  const { m, k, n, batchA, batchB, batch } = sizes;
  const countA = tf.util.sizeFromShape(batchA);
  const countB = tf.util.sizeFromShape(batchB);
  const count = tf.util.sizeFromShape(batch);
  if (m * k * n * count === 0) return zeros([...batch, m, n], work);
  const plain = countA === countB ? count === countA : (countA === 1 || countB === 1) && count === countA * countB;
  if (plain && m * k * n <= SMALL) return work.view(work.native(inputs, attrs), [...batch, m, n]);
  if (count === 1) return work.view(matMul(a, b, sizes, attrs, work), [...batch, m, n]);
  if (countB === 1 && !attrs.transposeA) {
    const rows = work.view(a, [countA * m, k]);
    return work.view(matMul(rows, b, { ...sizes, m: countA * m }, attrs, work), [...batch, m, n]);
  }
  return eachOfBatch(a, b, sizes, attrs, work);
}

/** The sizes of a product, checked. */
export function measure(a: Info, b: Info, { transposeA, transposeB }: tf.BatchMatMulAttrs): Sizes {
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = tf.backend_util.assertAndGetBroadcastShape(batchA, batchB);
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  tf.util.assert(k === inner, () => `matMul: inner dimensions ${k} and ${inner} of ${a.shape} and ${b.shape} differ`);
  return { m, k, n, batchA, batchB, batch };
}

/** One pair of matrices, given in any shape of the right size; the result has shape [m, n]. */
function matMul(a: Info, b: Info, { m, k, n }: Sizes, attrs: tf.BatchMatMulAttrs, work: Workspace): Info {
  const given = {
    a: work.view(a, attrs.transposeA ? [k, m] : [m, k]),
    b: work.view(b, attrs.transposeB ? [n, k] : [k, n]),
  };
  // XNNPACK repacks its second operand. For a wide b given transposed, bᵀ's two moves cost more than aᵀ's and the result's.
  if (attrs.transposeB && 2 * n * k > 2 * m * k + m * n) {
    const left = attrs.transposeA ? given.a : transposeLast(given.a, work);
    return transposeLast(nativeProduct(given.b, left, work), work);
  }
  const left = attrs.transposeA ? transposeLast(given.a, work) : given.a;
  const right = attrs.transposeB ? transposeLast(given.b, work) : given.b;
  return nativeProduct(left, right, work);
}

const nativeProduct = (a: Info, b: Info, work: Workspace): Info =>
  work.native({ a, b }, { transposeA: false, transposeB: false });

/** Every pair of a batch by itself, each operand read where broadcasting says. */
function eachOfBatch(a: Info, b: Info, sizes: Sizes, attrs: tf.BatchMatMulAttrs, work: Workspace): Info {
  const { m, k, n, batchA, batchB, batch } = sizes;
  const out = work.allocate([...batch, m, n]);
  const count = tf.util.sizeFromShape(batch);
  const [fromA, fromB] = [broadcastIndex(batchA, batch), broadcastIndex(batchB, batch)];
  for (let i = 0; i < count; i++)
    work.scoped(() => {
      // New tensors for each pair: XNNPACK keeps what it packed by the tensor's id.
      const left = copyOf(a, fromA(i) * m * k, m * k, work);
      const right = copyOf(b, fromB(i) * k * n, k * n, work);
      const result = matMul(left, right, sizes, attrs, work);
      work.floats(out).set(work.floats(result), i * m * n);
    });
  return out;
}

const copyOf = (from: Info, at: number, size: number, work: Workspace): Info => {
  const part = work.allocate([size]);
  work.floats(part).set(work.floats(from).subarray(at, at + size));
  return part;
};

/** For the i-th element of the broadcast batch, the index of the operand's element. */
export function broadcastIndex(own: number[], batch: number[]): (i: number) => number {
  const strides = tf.util.computeStrides([...own, 1]);
  const lead = batch.length - own.length;
  return (i) => {
    let index = 0;
    for (let axis = batch.length - 1, rest = i; axis >= 0; axis--) {
      const length = batch[axis] as number;
      if (axis >= lead && own[axis - lead] !== 1) index += (rest % length) * (strides[axis - lead] as number);
      rest = Math.floor(rest / length);
    }
    return index;
  };
}

function transposeLast(x: Info, work: Workspace): Info {
  const perm = x.shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return work.run(tf.Transpose, { x }, { perm });
}

function zeros(shape: number[], work: Workspace): Info {
  const out = work.allocate(shape);
  work.floats(out).fill(0);
  return out;
}
