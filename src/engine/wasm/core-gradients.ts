/**
 * Gradients that tfjs-core lacks or refuses: StridedSlice, TopK, Einsum, what broadcasts in SquaredDifference, Maximum, Minimum, and
 * comparisons, through which conditions are computed. Composed of plain operations, so that they hold on every engine.
 */
import * as tf from '../../core/tf.ts';

/** Registers them all. */
export function completeCoreGradients(): void {
  register(tf.StridedSlice, ['x'], (dy, [x], attrs) => ({ x: () => stridedSliceGradient(dy as tf.Tensor, x, attrs) }));
  register(tf.SquaredDifference, ['a', 'b'], (dy, [a, b]) => {
    const slope = (): tf.Tensor => tf.mul(dy as tf.Tensor, tf.mul(2, tf.sub(a, b as tf.Tensor)));
    return { a: () => sumTo(slope(), a.shape), b: () => tf.neg(sumTo(slope(), (b as tf.Tensor).shape)) };
  });
  for (const [kernel, loses] of [
    [tf.Maximum, tf.less],
    [tf.Minimum, tf.greater],
  ] as const)
    register(kernel, ['a', 'b'], (dy, [a, b]) => {
      // Of equal values the first has the gradient.
      const second = (): tf.Tensor => tf.mul(dy as tf.Tensor, tf.cast(loses(a, b as tf.Tensor), 'float32'));
      return {
        a: () => sumTo(tf.sub(dy as tf.Tensor, second()), a.shape),
        b: () => sumTo(second(), (b as tf.Tensor).shape),
      };
    });
  register(
    tf.TopK,
    ['x'],
    (dys, [x, , indices]) => {
      const [dy] = dys as tf.Tensor[];
      return { x: () => topKGradient(dy as tf.Tensor, x, indices as tf.Tensor) };
    },
    [true, true],
  );
  for (const kernel of [
    tf.Greater,
    tf.GreaterEqual,
    tf.Less,
    tf.LessEqual,
    tf.Equal,
    tf.NotEqual,
    tf.LogicalAnd,
    tf.LogicalOr,
  ])
    register(kernel, ['a', 'b'], (_, [a, b]) => ({
      a: () => tf.zeros(a.shape),
      b: () => tf.zeros((b as tf.Tensor).shape),
    }));
  register(tf.LogicalNot, ['x'], (_, [x]) => ({ x: () => tf.zeros(x.shape) }));
  tf.registerGradient({
    kernelName: tf.Einsum,
    saveAllInputs: true,
    inputsToSave: [],
    gradFunc: (dy, saved, attrs) => einsumGradient(dy as tf.Tensor, saved, attrs.equation as string),
  });
}

type Gradient = (
  dy: tf.Tensor | tf.Tensor[],
  saved: [tf.Tensor, ...(tf.Tensor | undefined)[]],
  attrs: tf.NamedAttrMap,
) => Record<string, () => tf.Tensor>;

function register(kernelName: string, inputsToSave: string[], gradient: Gradient, outputsToSave: boolean[] = []): void {
  if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
  const gradFunc: tf.GradFunc = (dy, saved, attrs) => gradient(dy, saved as [tf.Tensor], attrs);
  tf.registerGradient({ kernelName, inputsToSave, outputsToSave, gradFunc });
}

/** Sums over the dimensions in which an operand of that shape has been broadcast. */
export function sumTo(gradient: tf.Tensor, shape: number[]): tf.Tensor {
  if (tf.util.arraysEqual(gradient.shape, shape)) return gradient;
  const axes = tf.broadcast_util.getReductionAxes(shape, gradient.shape);
  return tf.reshape(tf.sum(gradient, axes), shape);
}

/** Adds each value of `dy` to the place in a tensor of that shape that `places` numbers. */
function scatter(dy: tf.Tensor, places: tf.Tensor, shape: number[]): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const rows = tf.reshape(dy, [dy.size, 1]);
  return tf.reshape(tf.unsortedSegmentSum(rows, tf.reshape(places, [dy.size]), size), shape);
}

/** The same slice of the places' numbers says where each value came from. */
function stridedSliceGradient(dy: tf.Tensor, x: tf.Tensor, attrs: tf.NamedAttrMap): tf.Tensor {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } =
    attrs as unknown as tf.StridedSliceAttrs;
  const places = tf.reshape(tf.range(0, x.size, 1, 'int32'), x.shape);
  const masks = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
  return scatter(dy, tf.stridedSlice(places, begin, end, strides, ...masks), x.shape);
}

function topKGradient(dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  const length = x.shape.at(-1) as number;
  const count = indices.shape.at(-1) as number;
  const rows = tf.mul(tf.range(0, x.size / length, 1, 'int32'), tf.scalar(length, 'int32'));
  return scatter(dy, tf.add(tf.reshape(indices, [-1, count]), tf.reshape(rows, [-1, 1])), x.shape);
}

/**
 * The gradient of one operand is the product of `dy` with the others, by the same letters. Letters that only this operand
 * has are summed out in the result, so the gradient is the same along them.
 */
function einsumGradient(dy: tf.Tensor, operands: tf.Tensor[], equation: string): Record<string, () => tf.Tensor> {
  const [left, result] = equation.replaceAll(' ', '').split('->') as [string, string];
  const terms = left.split(',');
  return Object.fromEntries(
    operands.map((operand, i) => [
      String(i),
      () => {
        const others = terms.filter((_, j) => j !== i);
        const known = new Set([result, ...others].join(''));
        const own = [...(terms[i] as string)];
        const shared = own.filter((letter) => known.has(letter)).join('');
        const inputs = [dy, ...operands.filter((_, j) => j !== i)];
        const gradient = tf.einsum(`${[result, ...others].join(',')}->${shared}`, ...inputs);
        const kept = own.map((letter, axis) => (known.has(letter) ? (operand.shape[axis] as number) : 1));
        return tf.broadcastTo(tf.reshape(gradient, kept), operand.shape);
      },
    ]),
  );
}
