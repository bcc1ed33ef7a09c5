/**
 * NaN passes through: the backend's minima and maxima are comparisons, which a NaN never wins, so that a model that has
 * diverged would look as if it trained. Where the companion runs it does all this by itself.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';
import { computeOnCpu } from './via-cpu.ts';

/** Registers what ends in such a comparison: relu and its like, poolings, convolutions (XNNPACK clamps all it gives). */
export function completeNaN(): void {
  for (const kernel of VIA_CPU)
    complete<object>(kernel, (inputs, attrs, work) =>
      Object.values(inputs).some((one) => one && hasNaN(one, work))
        ? computeOnCpu(kernel, inputs, attrs, work)
        : work.native(inputs, attrs),
    );
  complete<tf._FusedMatMulAttrs>(tf._FusedMatMul, (inputs, attrs, work) => {
    const last = ENDINGS[attrs.activation];
    if (last === undefined) return work.native(inputs, attrs);
    return work.run(last, { x: work.native(inputs, { ...attrs, activation: 'linear' }) });
  });
  complete<tf.MaxPoolAttrs>(tf.MaxPool, (inputs, attrs, work) => {
    const x = inputs.x as Info;
    const y = work.native(inputs, attrs);
    return hasNaN(x, work) ? withNaN(y, work.native({ x: marks(x, work) }, attrs), work) : y;
  });
}

/** Where an input holds NaN these are computed by the cpu backend's kernels, which pass it on. */
const VIA_CPU = [
  ...[tf.Relu, tf.Relu6, tf.ClipByValue, tf.Maximum, tf.Minimum, tf.AvgPool],
  ...[tf.Conv2D, tf.FusedConv2D, tf.DepthwiseConv2dNative, tf.FusedDepthwiseConv2D],
];

const ENDINGS: Readonly<Record<string, string>> = { relu: tf.Relu, relu6: tf.Relu6 };

function hasNaN(x: Info, work: Workspace): boolean {
  if (x.dtype !== 'float32') return false;
  const values = work.floats(x);
  // A sum is NaN where a value is, or where infinities meet, which is worth a second look.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return Number.isNaN(sum) && values.some(Number.isNaN);
}

/** 1 where a value is NaN, else 0. */
function marks(x: Info, work: Workspace): Info {
  const out = work.allocate(x.shape);
  const [from, to] = [work.floats(x), work.floats(out)];
  for (let i = 0; i < from.length; i++) to[i] = Number.isNaN(from[i]) ? 1 : 0;
  return out;
}

function withNaN(y: Info, marked: Info, work: Workspace): Info {
  const [values, where] = [work.floats(y), work.floats(marked)];
  for (let i = 0; i < values.length; i++) if (where[i] === 1) values[i] = Number.NaN;
  return y;
}
