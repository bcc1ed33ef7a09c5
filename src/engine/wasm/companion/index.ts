/** Puts the training kernels on the companion module, over the composed ones: registered after them. */
import { accelerateConvolution } from './convolution.ts';
import { accelerateDepthwise } from './depthwise.ts';
import { accelerateElementwise } from './elementwise.ts';
import { accelerateKLDivergence } from './kl-divergence.ts';
import { accelerateLayerNorm } from './layer-norm.ts';
import { accelerateMatMul } from './mat-mul.ts';
import { accelerateBatchNorm } from './norm.ts';
import { accelerateOptimizers } from './optimizers.ts';
import { acceleratePooling } from './pool.ts';
import { accelerateRandom } from './random.ts';
import { accelerateReductions } from './reductions.ts';
import { accelerateCrossEntropy } from './softmax.ts';
import { accelerateUnpack } from './unpack.ts';

/** Registers all of it. */
export function accelerateWasm(): void {
  accelerateMatMul();
  accelerateConvolution();
  accelerateDepthwise();
  acceleratePooling();
  accelerateReductions();
  accelerateElementwise();
  accelerateBatchNorm();
  accelerateLayerNorm();
  accelerateRandom();
  accelerateUnpack();
  accelerateOptimizers();
  accelerateCrossEntropy();
  accelerateKLDivergence();
}
