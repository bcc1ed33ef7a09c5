/**
 * Matrix products: `MatMul`, where tfjs-node takes `BatchMatMulV2`, which is some five times slower on small matrices; on the CPU
 * it is the faster one of large matrices the second of which is transposed. tfjs writes dense layers as batches of one, so
 * those are taken for the matrices that they are.
 */
import * as tf from '../../core/tf.ts';
import { type Attr, attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';

/** Multiply-accumulates from which a product counts as large. */
const LARGE = 2 ** 24;

const sizeOf = ({ shape }: Info): number => tf.util.sizeFromShape(shape);

/** Registers BatchMatMul and _FusedMatMul. */
export function directMatMul(backend: TensorFlowBackend): void {
  const { T, bool } = attributes(backend);
  const variants = [false, true].map((a) =>
    [false, true].map((b): Attr[] => [T, bool('transpose_a', a), bool('transpose_b', b)]),
  );
  const batched = [T, bool('adj_x', false), bool('adj_y', true)];
  const product = (a: Info, b: Info, { transposeA, transposeB }: tf.BatchMatMulAttrs): tf.Tensor => {
    if (transposeB && !transposeA && !backend.isUsingGpuDevice && sizeOf(a) * (b.shape[0] as number) >= LARGE)
      return backend.executeSingleOutput('BatchMatMulV2', batched, [a, b]);
    return backend.executeSingleOutput('MatMul', variants[transposeA ? 1 : 0]?.[transposeB ? 1 : 0] as Attr[], [a, b]);
  };

  direct<tf.BatchMatMulAttrs>(tf.BatchMatMul, (inputs, attrs) => {
    const { a, b } = inputs as Record<'a' | 'b', Info>;
    if (!isMatrix(a) || !isMatrix(b)) return undefined;
    if (a.shape.length === 2 && b.shape.length === 2) return product(a, b, attrs);
    return tf.tidy(() => asBatch(product(asMatrix(a), asMatrix(b), attrs)));
  });
  direct<tf._FusedMatMulAttrs>(tf._FusedMatMul, (inputs, attrs) => {
    const { a, b, bias } = inputs as Record<'a' | 'b' | 'bias', Info>;
    const { activation = 'linear' } = attrs;
    if (!isMatrix(a) || !isMatrix(b) || (activation !== 'linear' && activation !== 'relu')) return undefined;
    return tf.tidy(() => {
      const plain = product(asMatrix(a), asMatrix(b), attrs);
      const sum = bias ? tf.add(plain, bias as tf.Tensor) : plain;
      const y = activation === 'relu' ? tf.relu(sum) : sum;
      return a.shape.length === 2 && b.shape.length === 2 ? y : asBatch(y);
    });
  });
}

const isMatrix = ({ shape, dtype }: Info): boolean =>
  dtype === 'float32' && (shape.length === 2 || (shape.length === 3 && shape[0] === 1));

const asMatrix = (x: Info): Info => (x.shape.length === 2 ? x : tf.reshape(x as tf.Tensor, x.shape.slice(1)));

const asBatch = (y: tf.Tensor): tf.Tensor => tf.reshape(y, [1, ...y.shape]);
