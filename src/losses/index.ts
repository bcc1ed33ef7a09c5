/** The losses, as the `losses` namespace of the package. */
export { type CrossEntropyOptions, crossEntropy } from './cross-entropy.ts';
export { type KLDivergenceOptions, type KLReduction, klDivergence } from './kl-divergence.ts';
export { checkLabels } from './labels.ts';
export type { LossReduction } from './reduce.ts';
export { binaryCrossEntropy, type ElementwiseLossOptions, mse } from './regression.ts';
