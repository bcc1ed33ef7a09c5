/** relu(x + bias) and its gradients: one pass over memory each by Kelvin's own kernels, else TensorFlow's operations. */
import { completeBiasRelu } from '../bias-relu.ts';
import { attributes, direct, type Info, type OutputMetadata, type TensorFlowBackend } from './ops.ts';
import { hasOwnKernels } from './own-kernels.ts';

/** Registers KelvinBiasRelu and KelvinReluBiasGrad. */
export function directBiasRelu(backend: TensorFlowBackend): void {
  const own = hasOwnKernels(backend);
  const { T, text } = attributes(backend);
  const plain = [T];
  const nhwc = [T, text('data_format', 'NHWC')];
  const { binding } = backend;

  direct('KelvinBiasRelu', (inputs) => {
    const { x, bias } = inputs as Record<'x' | 'bias', Info>;
    if (own) return backend.executeSingleOutput('KelvinBiasRelu', [], [x, bias]);
    const ids = backend.getInputTensorIds([x, bias]);
    const [sum] = binding.executeOp('BiasAdd', nhwc, ids, 1) as [OutputMetadata];
    const [y] = binding.executeOp('Relu', plain, [sum.id], 1) as [OutputMetadata];
    binding.deleteTensor(sum.id);
    return backend.createOutputTensor(y);
  });
  direct('KelvinReluBiasGrad', (inputs) => {
    const { y, dy } = inputs as Record<'y' | 'dy', Info>;
    if (own) return backend.executeMultipleOutputs('KelvinReluBiasGrad', [], [y, dy], 2);
    const ofX = backend.executeSingleOutput('ReluGrad', plain, [dy, y]);
    return [ofX, backend.executeSingleOutput('BiasAddGrad', nhwc, [ofX])];
  });
  completeBiasRelu();
}
