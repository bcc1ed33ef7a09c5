/** Data sets and loaders: the public names of this folder, which are also the subpath `kelvin/data`. */

export { collate } from './collate.ts';
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from './data-loader.ts';
export { type Dataset, mapDataset } from './dataset.ts';
export { ArrayDataset, type BatchOf, fromTensors, type ImageColumns } from './datasets/array-dataset.ts';
export type { HostColumn } from './datasets/columns.ts';
export { drawnDigits } from './datasets/drawn-digits.ts';
export { idxImages, readIdx } from './datasets/idx.ts';
export { type DownloadProgress, type ImageSplits, type MnistOptions, mnist } from './datasets/mnist.ts';
export { randomSplit, subset } from './datasets/subsets.ts';
export { type HostArray, type HostBatch, type HostTensor, type HostTree, int32 } from './host.ts';
export type { SampleTransform } from './read-batch.ts';
export { RandomSampler, type Sampler, SequentialSampler, WeightedRandomSampler } from './samplers/samplers.ts';
export { toTensors } from './to-tensors.ts';
export { type BatchTransform, randomShift } from './transforms.ts';
