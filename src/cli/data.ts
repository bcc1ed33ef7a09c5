/** The data of the command line, built in or the user's own, as loaders for training, validation and test. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import type * as tf from '../core/tf.ts';
import { DataLoader } from '../data/data-loader.ts';
import { type Dataset, sampleIdOf } from '../data/dataset.ts';
import type { ArrayDataset, ImageColumns } from '../data/datasets/array-dataset.ts';
import { drawnDigits } from '../data/datasets/drawn-digits.ts';
import { stratifiedSplit } from '../data/datasets/folds.ts';
import { idxImages } from '../data/datasets/idx.ts';
import { type ImageSplits, mnist } from '../data/datasets/mnist.ts';
import { randomSplit, subset } from '../data/datasets/subsets.ts';
import type { DownloadProgress } from '../data/files/fetched.ts';
import { balancedClassWeights } from '../losses/class-weights.ts';
import { augmentation } from './augment.ts';
import { UsageError } from './exit.ts';
import { cifarSplits, fileSplits, type Splits } from './image-files.ts';
import { type Io, note } from './io.ts';
import type { ModelInterface } from './model.ts';
import { sourceOf } from './option.ts';
import type { DataSettings } from './settings.ts';

/** A batch of the built-in data. */
export type Images = { x: tf.Tensor4D; y: tf.Tensor1D };

/** What one training does otherwise than the options say for all. */
export interface TrainingChanges {
  /** Pixels of random shifts. */
  readonly jitter?: number | undefined;
  /** The number of the run: each has an order of its own. Default 0. */
  readonly run?: number | undefined;
}

/** Loaders, and what a model must know of the data. */
export interface ImageData extends ModelInterface {
  /** A new loader at each call, so that two models can be given the same epochs. */
  train(changes?: TrainingChanges): DataLoader<Images>;
  readonly val: DataLoader<Images> | undefined;
  readonly test: DataLoader<Images>;
  /** The labels of the test images, in order; undefined when they have none. */
  readonly testLabels: ArrayLike<number> | undefined;
  /** The names of the test images, where they have any. */
  readonly testIds: readonly string[] | undefined;
  readonly shape: readonly [number, number, number];
}

/** The split into training and validation must be the same in `fit` and in a later `validate`. */
const SPLIT_SEED = 0;

/**
 * Gets the data and says on stderr what it is.
 *
 * @param saved what the checkpoint says about size and classes, where there is one
 */
export async function loadData(
  settings: DataSettings,
  seed: number | undefined,
  io: Io,
  saved?: ModelInterface,
): Promise<ImageData> {
  const { batchSize, valSplit, jitter, testSamples, workers } = settings;
  const all = await splits(settings, io, saved);
  const count = Math.min(settings.trainSamples ?? all.train.length, all.train.length);
  const labels = Array.from({ length: count }, (_, i) => all.trainLabels[i] as number);
  const parts = [1 - valSplit, valSplit];
  const part = count < all.train.length ? firstOf(all.train, count) : all.train;
  const split = all.byClass ? stratifiedSplit(part, labels, parts, SPLIT_SEED) : randomSplit(part, parts, SPLIT_SEED);
  const [train, val] = split as [Dataset<unknown, Images>, Dataset<unknown, Images>];
  const test = testSamples === undefined ? all.test : firstOf(all.test, testSamples);
  note(io, `Data: ${all.source}; ${train.length} images to train, ${val.length} to validate, ${test.length} to test.`);
  const loaderSeed = seed ?? Math.floor(Math.random() * 2 ** 32);
  const trainLoader = ({ jitter: shift = jitter, run = 0 }: TrainingChanges = {}): DataLoader<Images> => {
    const transform = augmentation(settings.augment ?? [], shift, all.shape);
    return new DataLoader(train, { batchSize, shuffle: true, seed: loaderSeed + run, transform, workers });
  };
  return {
    train: trainLoader,
    val: val.length > 0 ? new DataLoader(val, { batchSize, workers }) : undefined,
    test: new DataLoader(test, { batchSize, workers }),
    testLabels: all.testLabels,
    testIds: idsOf(test),
    shape: all.shape,
    classes: all.classes,
    classNames: all.classNames,
    classWeights: settings.classWeights === 'balanced' ? balancedClassWeights(labels, all.classes) : undefined,
  };
}

/** The names of samples that are told apart by text; numbers say no more than the line does. */
function idsOf(dataset: Dataset): string[] | undefined {
  const ids = Array.from({ length: dataset.length }, (_, i) => sampleIdOf(dataset, i));
  return ids.every((id) => typeof id === 'string') ? (ids as string[]) : undefined;
}

/** Files of the user's own are split class by class; sets that are even by making at random. */
type KnownSplits = Splits & { readonly byClass: boolean };

async function splits(settings: DataSettings, io: Io, saved: ModelInterface | undefined): Promise<KnownSplits> {
  const { data = '', dataDir, trainSamples, testSamples } = settings;
  const [kind, place] = sourceOf(data);
  if ((kind === 'csv' || kind === 'folder') && place !== undefined) {
    return { ...(await fileSplits(kind, place, settings, saved)), byClass: true };
  }
  if (kind === 'cifar10' || kind === 'cifar100') {
    return { ...(await cifarSplits(kind, place ?? dataDir, downloadNotes(io, kind))), byClass: false };
  }
  if (kind === 'idx') return inMemory(await idxSplits(settings), settings.classes);
  if (kind !== 'digits') {
    try {
      const found = await mnist({ dataDir, onProgress: downloadNotes(io, 'MNIST') });
      return inMemory({ ...found, source: `MNIST from ${found.source}` }, 10);
    } catch (error) {
      const absent = error instanceof DataError && error.code === 'data-not-found';
      if (kind === 'mnist' || dataDir !== undefined || !absent) throw error;
      note(io, 'MNIST is not on this machine and cannot be downloaded: using digits that Kelvin draws itself instead.');
      note(io, '(Say so with --data digits, or where MNIST is with --data-dir.)');
    }
  }
  return inMemory(drawnDigits({ train: trainSamples, test: testSamples }), 10);
}

function inMemory({ train, test, source }: ImageSplits, classes: number): KnownSplits {
  const { x, y } = train.columns;
  const labels = { trainLabels: y.data, testLabels: test.columns.y.data };
  return { train, test, source, classes, ...labels, shape: x.shape, byClass: false };
}

/** Four files under the names that MNIST gave them, which its relatives keep. */
async function idxSplits({ dataDir, classes }: DataSettings): Promise<ImageSplits> {
  if (dataDir === undefined) {
    throw new UsageError('--data idx', {
      code: 'missing-data-dir',
      expected: '--data-dir, a directory with four idx files',
    });
  }
  const read = (part: string): Promise<ArrayDataset<ImageColumns>> =>
    idxImages({
      images: idxFile(dataDir, `${part}-images-idx3-ubyte`),
      labels: idxFile(dataDir, `${part}-labels-idx1-ubyte`),
      classes,
    });
  const [train, test] = await Promise.all([read('train'), read('t10k')]);
  return { train, test, source: dataDir };
}

function idxFile(directory: string, name: string): string {
  const path = [`${name}.gz`, name].map((file) => join(directory, file)).find(existsSync);
  if (path !== undefined) return path;
  throw new DataError(`${directory} has no ${name}[.gz]`, {
    code: 'data-not-found',
    expected: 'train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte',
  });
}

function firstOf(images: Dataset<unknown, Images>, count: number): Dataset<unknown, Images> {
  return subset(
    images,
    Array.from({ length: Math.min(count, images.length) }, (_, i) => i),
  );
}

/** A line per tenth of a download. */
function downloadNotes(io: Io, name: string): (progress: DownloadProgress) => void {
  let shown = -1;
  return ({ bytes, total }) => {
    const tenth = Math.floor((10 * bytes) / total);
    if (tenth === shown || bytes === 0) return;
    shown = tenth;
    note(io, `downloading ${name}: ${(bytes / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`);
  };
}
