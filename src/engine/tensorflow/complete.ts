/**
 * Puts TensorFlow's own operations in the place of what tfjs-node composes for training. `KELVIN_TENSORFLOW=shipped`
 * leaves tfjs-node as it is.
 */
import { splitConvolutionLayers } from '../convolution-layer.ts';
import { splitDenseLayers } from '../dense-layer.ts';
import { fuseBatchNormLayers } from '../fused-batch-norm.ts';
import { completeGradients } from '../wasm/gradients.ts';
import { directBatchNorm } from './batch-norm.ts';
import { directBiasRelu } from './bias-relu.ts';
import { directGradients } from './gradients.ts';
import { directMatMul } from './mat-mul.ts';
import { directMaxPoolGradient } from './max-pool.ts';
import { tensorFlow } from './ops.ts';
import { directOptimizers } from './optimizers.ts';
import { directPadding } from './padding.ts';
import { directReshape } from './reshape.ts';

let done = false;

/** Registers all of it, once the backend is there; a second call does nothing. */
export function completeTensorFlow(): void {
  if (done || process.env.KELVIN_TENSORFLOW === 'shipped') return;
  done = true;
  const backend = tensorFlow();
  completeGradients();
  directReshape(backend);
  directMatMul(backend);
  directGradients(backend);
  directBatchNorm(backend);
  directBiasRelu(backend);
  directPadding(backend);
  directMaxPoolGradient(backend);
  directOptimizers(backend);
  splitConvolutionLayers();
  splitDenseLayers();
  fuseBatchNormLayers();
}
