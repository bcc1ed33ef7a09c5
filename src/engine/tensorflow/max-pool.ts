/** The gradient of maximum pools by Kelvin's own kernel, which takes an eighth of the time of TensorFlow's on the CPU. */
import * as tf from '../../core/tf.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';
import { hasOwnKernels, poolWindow } from './own-kernels.ts';

/** Registers MaxPoolGrad, where the addon has the kernel. */
export function directMaxPoolGradient(backend: TensorFlowBackend): void {
  if (!hasOwnKernels(backend)) return;
  const { ints } = attributes(backend);
  direct<tf.MaxPoolGradAttrs>(tf.MaxPoolGrad, (inputs, attrs) => {
    const { dy, input, output } = inputs as Record<'dy' | 'input' | 'output', Info>;
    if (input.dtype !== 'float32' || input.shape.length !== 4) return undefined;
    const { ksize, strides, before, outShape } = poolWindow(input.shape, attrs);
    if (!tf.util.arraysEqual([...outShape], output.shape)) return undefined;
    const window = [ints('ksize', ksize), ints('strides', strides), ints('before', before)];
    return backend.executeSingleOutput('KelvinMaxPoolGrad', window, [input, output, dy]);
  });
}
