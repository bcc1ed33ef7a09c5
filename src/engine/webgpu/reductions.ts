/**
 * Sum and Mean: the backend's own add naively in single precision along each of a group's threads, add integers as floats,
 * transpose the tensor to reduce its leading axes, and fail for empty ones.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, isEmpty, type Workspace } from './program.ts';

/** How many values one thread adds up. Sums of sums keep the error of millions of values near that of these few. */
const PER_THREAD = 64;

/** Registers Sum, Mean and AddN. */
export function completeReductions(): void {
  complete<tf.SumAttrs>(tf.Sum, ({ x }, attrs, work) => {
    const { dtype } = x as Info;
    return reduce(x as Info, attrs, dtype === 'bool' ? 'int32' : dtype, false, work);
  });
  complete<tf.MeanAttrs>(tf.Mean, ({ x }, attrs, work) => reduce(x as Info, attrs, 'float32', true, work));
  // The backend's own binds all its inputs at once, of which a device allows eight or so.
  complete<object>(tf.AddN, (inputs, _, work) => {
    const [first, ...others] = Object.values(inputs) as [Info, ...Info[]];
    return others.reduce((total, one) => work.run(tf.Add, { a: total, b: one }), work.view(first, first.shape));
  });
}

function reduce(x: Info, attrs: tf.SumAttrs, dtype: tf.DataType, mean: boolean, work: Workspace): Info {
  const axes = tf.util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const shape = attrs.keepDims
    ? x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length))
    : kept.map((axis) => x.shape[axis] as number);
  if (isEmpty(x)) return work.filled(shape, mean ? Number.NaN : 0, dtype);
  const apart = axes.some((axis, i) => i > 0 && axis !== (axes[i - 1] as number) + 1);
  const source = apart ? work.run(tf.Transpose, { x }, { perm: [...kept, ...axes] }) : x;
  const [first, past] = apart ? [kept.length, x.shape.length] : [axes[0] ?? 0, (axes.at(-1) ?? -1) + 1];
  const count = tf.util.sizeFromShape(source.shape.slice(first, past));
  const extents = {
    outer: tf.util.sizeFromShape(source.shape.slice(0, first)),
    inner: tf.util.sizeFromShape(source.shape.slice(past)),
  };
  const total = addUp(source, extents, count, dtype, mean ? 1 / count : undefined, work);
  return work.view(total, shape);
}

interface Extents {
  readonly outer: number;
  readonly inner: number;
}

/**
 * Sums over the middle axis of [outer, count, inner], in rounds. A thread takes every so-manieth value, so that neighbours
 * read neighbours. The order of the additions is always the same.
 */
function addUp(
  x: Info,
  { outer, inner }: Extents,
  count: number,
  dtype: tf.DataType,
  scale: number | undefined,
  work: Workspace,
): Info {
  const blocks = Math.ceil(count / PER_THREAD);
  const last = blocks === 1;
  const scaled = last && scale !== undefined;
  // Integers are added up as such until the last round.
  const type = x.dtype === 'float32' || scaled ? dtype : 'int32';
  const [number, zero] = x.dtype === 'float32' ? ['f32', '0.0'] : ['i32', '0'];
  const sums = work.compute({
    name: `Sum_${number}_${scaled}`,
    inputs: { x },
    shape: [outer, blocks, inner],
    dtype: type,
    integers: { count, blocks, inner },
    floats: scaled ? { scale: scale as number } : {},
    code: `
      let rest = index / uniforms.inner;
      let start = (rest / uniforms.blocks) * uniforms.count * uniforms.inner + index % uniforms.inner;
      var total : ${number} = ${zero};
      for (var k = rest % uniforms.blocks; k < uniforms.count; k = k + uniforms.blocks) {
        total = total + x[start + k * uniforms.inner];
      }
      result[index] = ${scaled ? 'f32(total) * uniforms.scale' : 'total'};`,
  });
  return last ? sums : addUp(sums, { outer, inner }, blocks, dtype, scale, work);
}
