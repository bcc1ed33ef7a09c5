/** Augmentation of images on the host: the public names of this folder. */
export { type RandomAffineOptions, type RandomRotationOptions, randomAffine, randomRotation } from './affine.ts';
export { type ColorJitterOptions, colorJitter } from './color-jitter.ts';
export { compose } from './compose.ts';
export {
  type ImageSize,
  type RandomCropOptions,
  type RandomResizedCropOptions,
  randomCrop,
  randomResizedCrop,
} from './crop.ts';
export { type RandomErasingOptions, randomErasing } from './erase.ts';
export { type FlipOptions, randomHorizontalFlip, randomVerticalFlip } from './flip.ts';
export type { ColumnOption } from './image.ts';
export { type MixedBatch, MixLoader, type MixOptions, type MixSource } from './mix-loader.ts';
export { type ChannelStatistics, channelStatistics, type NormalizeOptions, normalize } from './normalize.ts';
export { type RandAugmentOptions, randAugment } from './rand-augment.ts';
