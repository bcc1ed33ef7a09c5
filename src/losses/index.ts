/** The losses, as the `losses` namespace of the package. */
export { type CrossEntropyOptions, crossEntropy } from './cross-entropy.ts';
export type { LossReduction } from './reduce.ts';
