/**
 * Matrix products. The backend's own take a batch of one operand for another where both broadcast, read beyond empty
 * operands, and add long products up in an order that changes from run to run.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, isEmpty, type Workspace } from './program.ts';

/** tfjs's flag for the way to multiply, and its name for the way that always fits and adds up in one order. */
const FLAG = 'WEBGPU_MATMUL_PROGRAM_TYPE';
const PACKED = 3;

/** From this inner dimension on the backend may split a product and add the parts up as they come. */
const MAY_SPLIT = 2000;

/** Activations that the fused kernels compute by functions that hide NaN, and the kernels that do not. */
const APART: Readonly<Record<string, string>> = { relu6: tf.Relu6, elu: tf.Elu, sigmoid: tf.Sigmoid };

/** Registers BatchMatMul, Conv2D, which may be a product inside, its input gradient, and the fused kernels. */
export function completeMatMul(): void {
  complete<tf.BatchMatMulAttrs>(tf.BatchMatMul, batchMatMul);
  complete<object>(tf.Conv2D, (inputs, attrs, work) => inOrder(tapsOf(inputs), () => work.native(inputs, attrs)));
  complete<GradientAttrs>(tf.Conv2DBackpropInput, inputGradient);
  complete<tf._FusedMatMulAttrs>(tf._FusedMatMul, (inputs, attrs, work) =>
    inOrder(innerOf(inputs.a as Info, attrs.transposeA), () => fused(inputs, attrs, work)),
  );
  for (const kernel of [tf.FusedConv2D, tf.FusedDepthwiseConv2D])
    complete<Activated>(kernel, (inputs, attrs, work) => inOrder(tapsOf(inputs), () => fused(inputs, attrs, work)));
}

interface Activated {
  readonly activation: string;
}

function fused<A extends Activated>(inputs: Record<string, Info>, attrs: A, work: Workspace): Info {
  const last = APART[attrs.activation];
  if (last === undefined) return work.native(inputs, attrs);
  return work.run(last, { x: work.native(inputs, { ...attrs, activation: 'linear' }) });
}

/** tfjs does not compare the output gradient with the output; the backend reads beyond one that is too small. */
function inputGradient(inputs: Record<string, Info>, attrs: GradientAttrs, work: Workspace): Info {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  const { inputShape, strides, pad, dimRoundingMode } = attrs;
  const shapes = [inputShape, filter.shape] as [Shape, Shape];
  const { outShape } = tf.backend_util.computeConv2DInfo(...shapes, strides, 1, pad, dimRoundingMode);
  tf.util.assert(
    attrs.dataFormat === 'NCHW' || dy.shape.every((length, axis) => length >= (outShape[axis] as number)),
    () => `${tf.Conv2DBackpropInput}: an output gradient of shape [${dy.shape}] where [${outShape}] belongs`,
  );
  return work.native(inputs, attrs);
}

type Shape = [number, number, number, number];
type GradientAttrs = Pick<
  tf.Conv2DBackpropInputAttrs,
  'inputShape' | 'strides' | 'pad' | 'dimRoundingMode' | 'dataFormat'
>;

const tapsOf = ({ filter }: Record<string, Info>): number => tf.util.sizeFromShape((filter as Info).shape.slice(0, 3));

const innerOf = ({ shape }: Info, transposed: boolean): number => shape.at(transposed ? -2 : -1) as number;

/** Runs a product of that inner dimension so that its sums are always added up in the same order. */
function inOrder<T>(inner: number, body: () => T): T {
  if (inner < MAY_SPLIT) return body();
  const before = tf.env().getNumber(FLAG);
  tf.env().set(FLAG, PACKED);
  try {
    return body();
  } finally {
    tf.env().set(FLAG, before);
  }
}

function batchMatMul(inputs: Record<string, Info>, attrs: tf.BatchMatMulAttrs, work: Workspace): Info {
  const [a, b] = [inputs.a as Info, inputs.b as Info];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const rows = a.shape.at(attrs.transposeA ? -1 : -2) as number;
  const columns = b.shape.at(attrs.transposeB ? -2 : -1) as number;
  if (isEmpty(a) || isEmpty(b)) return work.filled([...batch, rows, columns], 0, a.dtype);
  const operands = { a: repeated(a, batch, work), b: repeated(b, batch, work) };
  return inOrder(innerOf(a, attrs.transposeA), () => work.native(operands, attrs));
}

/** An operand with all batch dimensions, unless it has one matrix, which the backend broadcasts itself. */
function repeated(x: Info, batch: readonly number[], work: Workspace): Info {
  const own = x.shape.slice(0, -2);
  if (tf.util.sizeFromShape(own) === 1 || tf.util.arraysEqual(own, [...batch])) return x;
  const all = [...new Array<number>(batch.length - own.length).fill(1), ...own];
  const reps = [...batch.map((length, axis) => (all[axis] === length ? 1 : length)), 1, 1];
  return work.run(tf.Tile, { x: work.view(x, [...all, ...x.shape.slice(-2)]) }, { reps });
}
