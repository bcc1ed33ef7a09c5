/**
 * The companion of tfjs's wasm backend: SIMD kernels for training, on the backend's own memory. AssemblyScript;
 * `npm run build:companion` compiles it. Addresses are bytes, sizes are counts, all data is float32 and row-major.
 */
export { convolution, scatterPixels } from './convolution';
export { depthwise, depthwiseFilterGradient, repeatValues } from './depthwise';
export { add, addBias, clip, clippedGradient, maximum, minimum, multiply, selectFloats } from './elementwise';
export { convolutionFilterGradient } from './filter-gradient';
export { klDivergence } from './kl-divergence';
export { layerNorm, layerNormGradient, layerNormSums } from './layer-norm';
export { matMul, matMulColumns, packColumns } from './mat-mul';
export { batchNorm, batchNormGradient, centredSums, moments } from './norm';
export { adam, sgd } from './optimizers';
export { avgPoolGradient, maxPoolGradient, pool } from './pool';
export { bernoulli } from './random';
export { maxRows, minRows, sumColumns, sumRows } from './reduce';
export { crossEntropy, sparseCrossEntropy } from './softmax';
export { transpose } from './transpose';
export { unpack } from './unpack';
