/** Data sets and loaders: the public names of this folder, which are also the subpath `kelvin/data`. */
export * from './augment/index.ts';
export { type BatchViews, viewsOf } from './batch-views.ts';
export { collate } from './collate.ts';
export { type CombinedBatch, CombinedLoader, type CombinedMode } from './combined-loader.ts';
export { DataLoader, type DataLoaderState } from './data-loader.ts';
export type { Dataset } from './dataset.ts';
export { ArrayDataset, type BatchOf, fromTensors, type ImageColumns } from './datasets/array-dataset.ts';
export { type CifarOptions, type CifarSplits, cifar10, cifar100 } from './datasets/cifar.ts';
export type { HostColumn } from './datasets/columns.ts';
export { concatDatasets, filterDataset, mapDataset } from './datasets/combine.ts';
export { type CsvImagesOptions, csvImages } from './datasets/csv-images.ts';
export { drawnDigits } from './datasets/drawn-digits.ts';
export { FileArrays, type FileColumn } from './datasets/file-arrays.ts';
export { type Fold, kFolds, stratifiedSplit } from './datasets/folds.ts';
export { idxImageFiles, idxImages, readIdx } from './datasets/idx.ts';
export type { ImageEntry, ImageFiles, ImageSample } from './datasets/image-files.ts';
export { type ImageFolderOptions, imageFolder } from './datasets/image-folder.ts';
export { jsonLines } from './datasets/json-lines.ts';
export { type ImageSplits, type MnistOptions, mnist } from './datasets/mnist.ts';
export {
  type NpzDataset,
  type NumpyColumn,
  type NumpyColumns,
  npyDataset,
  npzDataset,
  readNpy,
  readNpz,
} from './datasets/numpy.ts';
export { randomSplit, subset } from './datasets/subsets.ts';
export { type DecodeOptions, decodeImage } from './decode/decode.ts';
export { unpackArchive } from './files/archive.ts';
export type { DownloadProgress, FetchOptions } from './files/fetched.ts';
export { type HostArray, type HostBatch, type HostTensor, type HostTree, int32 } from './host.ts';
export type { Loader, LoaderSeed, LoaderState, LoaderTree } from './loader.ts';
export type { DataLoaderOptions } from './loader-options.ts';
export type { BadSample, SampleTransform } from './read-batch.ts';
export { BucketSampler, ClassBalancedSampler } from './samplers/balanced.ts';
export { RandomSampler, type Sampler, SequentialSampler, WeightedRandomSampler } from './samplers/samplers.ts';
export { type IterableDataset, StreamLoader, type StreamLoaderOptions } from './stream-loader.ts';
export { toTensors } from './to-tensors.ts';
export { type BatchTransform, randomShift } from './transforms.ts';
export { parseViewName, type SampleId, sampleRandom, type ViewKey, viewName } from './views.ts';
export { fromModule } from './workers/recipe.ts';
