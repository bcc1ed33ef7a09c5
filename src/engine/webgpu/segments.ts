/**
 * Segment sums (the gradients of gather and of embeddings), running sums and products, and padding in many dimensions. The
 * backend's own add up in an order that changes from run to run and read integers as floats; run backwards by the program for
 * another length; do not compile.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, isEmpty, type Workspace } from './program.ts';

/** Registers UnsortedSegmentSum, Cumsum, Cumprod, PadV2, Bincount, Cast and Fill. */
export function completeSegments(): void {
  complete<tf.UnsortedSegmentSumAttrs>(tf.UnsortedSegmentSum, segmentSum);
  for (const [kernel, operator] of [
    [tf.Cumsum, '+'],
    [tf.Cumprod, '*'],
  ] as const)
    complete<tf.CumsumAttrs>(kernel, ({ x }, attrs, work) => accumulate(x as Info, operator, attrs, work));
  complete<tf.PadV2Attrs>(tf.PadV2, pad);
  complete<tf.CastAttrs>(tf.Cast, cast);
  // The backend's own writes integers as single-precision numbers.
  complete<tf.FillAttrs>(tf.Fill, (inputs, attrs, work) => {
    const { shape, value, dtype } = attrs;
    if (dtype !== 'int32' || shape.includes(0)) return work.native(inputs, attrs);
    const integers = { value: value as number };
    return work.compute({ name: 'Fill', inputs: {}, shape, dtype, integers, code: 'result[index] = uniforms.value;' });
  });
  // The backend's own counts a vector or the rows of a matrix.
  complete<tf.BincountAttrs>(tf.Bincount, ({ x, weights }, attrs, work) => {
    const [flat, ones] = [x as Info, weights as Info].map((one) => work.view(one, [tf.util.sizeFromShape(one.shape)]));
    return work.native({ x: flat as Info, weights: ones as Info }, attrs);
  });
}

/** The backend's own only renames integers, and its other kernels take the type from the data. */
function cast(inputs: Record<string, Info>, attrs: tf.CastAttrs, work: Workspace): Info {
  const x = inputs.x as Info;
  const { dtype } = attrs;
  const widens = (x.dtype === 'bool' || x.dtype === 'int32') && (dtype === 'int32' || dtype === 'float32');
  if (!widens || x.dtype === dtype || isEmpty(x)) return work.native(inputs, attrs);
  const [name, value] = dtype === 'float32' ? ['Floats', 'f32(x[index])'] : ['Integers', 'x[index]'];
  return work.compute({ name, inputs: { x }, shape: x.shape, dtype, code: `result[index] = ${value};` });
}

/** Every thread looks at all rows for those of its segment, and adds them up in their order. */
function segmentSum(inputs: Record<string, Info>, attrs: tf.UnsortedSegmentSumAttrs, work: Workspace): Info {
  const { x, segmentIds } = inputs as { x: Info; segmentIds: Info };
  const rows = tf.util.sizeFromShape(segmentIds.shape);
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const shape = [attrs.numSegments, ...rowShape];
  if (isEmpty(x)) return work.filled(shape, 0, x.dtype);
  const [type, zero] = x.dtype === 'float32' ? ['f32', '0.0'] : ['i32', '0'];
  return work.compute({
    name: `UnsortedSegmentSum_${type}`,
    inputs: { x, ids: segmentIds },
    shape,
    dtype: x.dtype,
    integers: { rows, width: tf.util.sizeFromShape(rowShape) },
    code: `
      let segment = index / uniforms.width;
      let column = index % uniforms.width;
      var total : ${type} = ${zero};
      for (var row = 0; row < uniforms.rows; row = row + 1) {
        if (i32(ids[row]) == segment) { total = total + x[row * uniforms.width + column]; }
      }
      result[index] = total;`,
  });
}

/** One thread runs along the axis. */
function accumulate(x: Info, operator: '+' | '*', attrs: tf.CumsumAttrs, work: Workspace): Info {
  if (isEmpty(x)) return work.filled(x.shape, 0, x.dtype);
  const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0] as number;
  const inner = tf.util.sizeFromShape(x.shape.slice(axis + 1));
  const length = x.shape[axis] as number;
  const [type, one] = x.dtype === 'float32' ? ['f32', '1.0'] : ['i32', '1'];
  const start = operator === '*' ? one : `${type}(0)`;
  const step = `total = total ${operator} x[at];`;
  const { exclusive, reverse } = attrs;
  return work.compute({
    name: `Cumulative_${operator}_${type}_${exclusive}_${reverse}`,
    inputs: { x },
    shape: x.shape,
    dtype: x.dtype,
    threads: tf.util.sizeFromShape(x.shape) / length,
    integers: { length, inner },
    code: `
      let first = index / uniforms.inner * uniforms.length * uniforms.inner + index % uniforms.inner;
      var total : ${type} = ${start};
      for (var i = 0; i < uniforms.length; i = i + 1) {
        let at = first + ${reverse ? '(uniforms.length - 1 - i)' : 'i'} * uniforms.inner;
        ${exclusive ? '' : step}
        result[at] = total;
        ${exclusive ? step : ''}
      }`,
  });
}

/** Where the backend's own does not compile: one axis after the other, all others folded before and behind it. */
function pad(inputs: Record<string, Info>, attrs: tf.PadV2Attrs, work: Workspace): Info {
  const x = inputs.x as Info;
  if (x.shape.length < 5) return work.native(inputs, attrs);
  let shape = x.shape;
  let result = work.view(x, shape);
  attrs.paddings.forEach(([before, after], axis) => {
    if (before + after === 0) return;
    const [outer, inner] = [shape.slice(0, axis), shape.slice(axis + 1)].map(tf.util.sizeFromShape);
    const length = shape[axis] as number;
    const folded = work.view(result, [outer as number, length, inner as number]);
    const paddings = [
      [0, 0],
      [before, after],
      [0, 0],
    ];
    shape = [...shape.slice(0, axis), before + length + after, ...shape.slice(axis + 1)];
    result = work.view(work.native({ x: folded }, { ...attrs, paddings }), shape);
  });
  return result;
}
