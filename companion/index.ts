/**
 * The companion of tfjs's wasm backend: SIMD kernels for training, on the backend's own memory. AssemblyScript;
 * `npm run build:companion` compiles it. Addresses are bytes, sizes are counts, all data is float32 and row-major.
 */
export { convolution, convolutionFilterGradient } from './convolution';
export { depthwise, depthwiseFilterGradient } from './depthwise';
export { clip, clippedGradient, maximum, minimum, selectFloats } from './elementwise';
export { matMul, matMulColumns, packColumns } from './mat-mul';
export { batchNorm, centredSums } from './norm';
export { adam, sgd } from './optimizers';
export { avgPool, avgPoolGradient, maxPool, maxPoolGradient } from './pool';
export { maxRows, minRows, sumColumns, sumRows } from './reduce';
export { crossEntropy, klDivergence } from './softmax';
export { transpose } from './transpose';
