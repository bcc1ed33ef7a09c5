/**
 * Gradients of dilated convolutions, which tfjs-core refuses: by kernels that heed dilations where there are some, else by
 * the plain convolution with the filter spread out, zeros between its taps.
 */
import * as tf from '../../core/tf.ts';

type Gradients = Record<'x' | 'filter', () => tf.Tensor>;
type Attrs = tf.NamedAttrMap & { readonly dilations?: unknown };

/** The two dilations of a convolution, or undefined where both are 1. */
export function dilationsOf({ dilations }: Attrs): [number, number] | undefined {
  const [y = 1, x = y] = [dilations ?? 1].flat() as number[];
  return y === 1 && x === 1 ? undefined : [y, x];
}

/** By kernels that take dilations as an attribute. */
export function gradientsByKernels(
  [ofInput, ofFilter]: readonly [string, string],
  dy: tf.Tensor,
  [x, filter]: tf.Tensor[],
  attrs: Attrs,
): Gradients {
  const run = (kernel: string, inputs: object, shape: object): tf.Tensor =>
    tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, { ...attrs, ...shape } as tf.NamedAttrMap) as tf.Tensor;
  return {
    x: () => run(ofInput, { dy, filter }, { inputShape: x?.shape }),
    filter: () => run(ofFilter, { x, dy }, { filterShape: filter?.shape }),
  };
}

/** By the gradients of the plain convolution. */
export function gradientsBySpreading(
  plain: tf.GradFunc,
  dy: tf.Tensor,
  [x, filter]: tf.Tensor[],
  attrs: Attrs,
  dilations: [number, number],
): Gradients {
  const gradients = (): Gradients =>
    plain(dy, [x, spread(filter as tf.Tensor, dilations)] as tf.Tensor[], { ...attrs, dilations: 1 }) as Gradients;
  return {
    x: () => gradients().x(),
    filter: () => gather(gradients().filter(), (filter as tf.Tensor).shape, dilations),
  };
}

/** [height, width, …] with `dilation - 1` rows and columns of zeros between its own. */
function spread(filter: tf.Tensor, [dy, dx]: [number, number]): tf.Tensor {
  const [height, width, ...rest] = filter.shape as [number, number, number, number];
  const apart = tf.reshape(filter, [height, 1, width, 1, -1]);
  const padded = tf.pad(apart, [
    [0, 0],
    [0, dy - 1],
    [0, 0],
    [0, dx - 1],
    [0, 0],
  ]);
  const all = tf.reshape(padded, [height * dy, width * dx, ...rest]);
  return tf.slice(all, [0, 0, 0, 0], [(height - 1) * dy + 1, (width - 1) * dx + 1, ...rest]);
}

/** The taps of a filter that has been spread out. */
function gather(spreadOut: tf.Tensor, shape: number[], [dy, dx]: [number, number]): tf.Tensor {
  const [height, width] = spreadOut.shape as [number, number];
  return tf.reshape(
    tf.stridedSlice(spreadOut, [0, 0, 0, 0], [height, width, ...shape.slice(2)], [dy, dx, 1, 1]),
    shape,
  );
}
