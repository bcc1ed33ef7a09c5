/** The gradient of maximum pools by Kelvin's own kernel, which takes an eighth of the time of TensorFlow's on the CPU. */
import * as tf from '../../core/tf.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';
import { hasOwnKernels } from './own-kernels.ts';

/** Registers MaxPoolGrad, where the addon has the kernel. */
export function directMaxPoolGradient(backend: TensorFlowBackend): void {
  if (!hasOwnKernels(backend)) return;
  const { ints } = attributes(backend);
  direct<tf.MaxPoolGradAttrs>(tf.MaxPoolGrad, (inputs, { filterSize, strides, pad, dimRoundingMode }) => {
    const { dy, input, output } = inputs as Record<'dy' | 'input' | 'output', Info>;
    if (input.dtype !== 'float32' || input.shape.length !== 4) return undefined;
    const shape = input.shape as [number, number, number, number];
    const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo, outShape } =
      tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    if (!tf.util.arraysEqual(outShape, output.shape)) return undefined;
    const attrs = [
      ints('ksize', [filterHeight, filterWidth]),
      ints('strides', [strideHeight, strideWidth]),
      ints('before', [padInfo.top, padInfo.left]),
    ];
    return backend.executeSingleOutput('KelvinMaxPoolGrad', attrs, [input, output, dy]);
  });
}
