/** Data sets and loaders: the public names of this folder, which are also the subpath `kelvin/data`. */
export { ArrayDataset, type BatchOf, fromTensors, type ImageColumns } from './array-dataset.ts';
export { collate } from './collate.ts';
export type { HostColumn } from './columns.ts';
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from './data-loader.ts';
export { type Dataset, mapDataset } from './dataset.ts';
export { drawnDigits } from './drawn-digits.ts';
export { type HostArray, type HostBatch, type HostTensor, type HostTree, int32, toTensors } from './host.ts';
export { idxImages, readIdx } from './idx.ts';
export { type DownloadProgress, type ImageSplits, type MnistOptions, mnist } from './mnist.ts';
export type { SampleTransform } from './read-batch.ts';
export { RandomSampler, type Sampler, SequentialSampler, WeightedRandomSampler } from './samplers.ts';
export { randomSplit, subset } from './subsets.ts';
export { type BatchTransform, randomShift } from './transforms.ts';
