/** The data of the command line: MNIST, drawn digits or idx files, as loaders for training, validation and test. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../core/errors.ts';
import type * as tf from '../core/tf.ts';
import { DataLoader } from '../data/data-loader.ts';
import type { Dataset } from '../data/dataset.ts';
import type { ArrayDataset, ImageColumns } from '../data/datasets/array-dataset.ts';
import { drawnDigits } from '../data/datasets/drawn-digits.ts';
import { idxImages } from '../data/datasets/idx.ts';
import { type ImageSplits, mnist } from '../data/datasets/mnist.ts';
import { randomSplit, subset } from '../data/datasets/subsets.ts';
import type { DownloadProgress } from '../data/files/fetched.ts';
import { randomShift } from '../data/transforms.ts';
import { UsageError } from './exit.ts';
import { type Io, note } from './io.ts';
import type { DataSettings } from './settings.ts';

/** A batch of the built-in data. */
export type Images = { x: tf.Tensor4D; y: tf.Tensor1D };

/** Loaders, and what a model must know of the data. */
export interface ImageData {
  /** A new loader at each call, so that two models can be given the same epochs. */
  train(): DataLoader<Images>;
  readonly val: DataLoader<Images> | undefined;
  readonly test: DataLoader<Images>;
  /** The labels of the test images, in order. */
  readonly testLabels: ArrayLike<number>;
  readonly shape: readonly [number, number, number];
  readonly classes: number;
}

/** The split into training and validation must be the same in `fit` and in a later `validate`. */
const SPLIT_SEED = 0;

/** Gets the data and says on stderr what it is. */
export async function loadData(settings: DataSettings, seed: number | undefined, io: Io): Promise<ImageData> {
  const { batchSize, valSplit, jitter, testSamples } = settings;
  const { train: all, test: allTest, source, classes } = await splits(settings, io);
  const part = settings.trainSamples === undefined ? all : firstOf(all, settings.trainSamples);
  const [train, val] = randomSplit(part, [1 - valSplit, valSplit], SPLIT_SEED) as [Images_, Images_];
  const test = testSamples === undefined ? allTest : firstOf(allTest, testSamples);
  note(io, `Data: ${source}; ${train.length} images to train, ${val.length} to validate, ${test.length} to test.`);
  const loaderSeed = seed ?? Math.floor(Math.random() * 2 ** 32);
  const transform = jitter > 0 ? randomShift({ pixels: jitter }) : undefined;
  return {
    train: () => new DataLoader(train, { batchSize, shuffle: true, seed: loaderSeed, transform }),
    val: val.length > 0 ? new DataLoader(val, { batchSize }) : undefined,
    test: new DataLoader(test, { batchSize }),
    testLabels: allTest.columns.y.data,
    shape: all.columns.x.shape,
    classes,
  };
}

type Images_ = Dataset<unknown, Images>;
type Splits = ImageSplits & { readonly classes: number };

async function splits(settings: DataSettings, io: Io): Promise<Splits> {
  const { data, dataDir, trainSamples, testSamples } = settings;
  if (data === 'idx') return idxSplits(settings);
  if (data !== 'digits') {
    try {
      const found = await mnist({ dataDir, onProgress: downloadNotes(io) });
      return { ...found, source: `MNIST from ${found.source}`, classes: 10 };
    } catch (error) {
      const absent = error instanceof DataError && error.code === 'data-not-found';
      if (data === 'mnist' || dataDir !== undefined || !absent) throw error;
      note(io, 'MNIST is not on this machine and cannot be downloaded: using digits that Kelvin draws itself instead.');
      note(io, '(Say so with --data digits, or where MNIST is with --data-dir.)');
    }
  }
  return { ...drawnDigits({ train: trainSamples, test: testSamples }), classes: 10 };
}

/** Four files under the names that MNIST gave them, which its relatives keep. */
async function idxSplits({ dataDir, classes }: DataSettings): Promise<Splits> {
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
  return { train, test, source: dataDir, classes };
}

function idxFile(directory: string, name: string): string {
  const path = [`${name}.gz`, name].map((file) => join(directory, file)).find(existsSync);
  if (path !== undefined) return path;
  throw new DataError(`${directory} has no ${name}[.gz]`, {
    code: 'data-not-found',
    expected: 'train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte',
  });
}

function firstOf(images: ArrayDataset<ImageColumns>, count: number): Images_ {
  return subset(
    images,
    Array.from({ length: Math.min(count, images.length) }, (_, i) => i),
  );
}

/** A line per tenth of a download. */
function downloadNotes(io: Io): (progress: DownloadProgress) => void {
  let shown = -1;
  return ({ bytes, total }) => {
    const tenth = Math.floor((10 * bytes) / total);
    if (tenth === shown || bytes === 0) return;
    shown = tenth;
    note(io, `downloading MNIST: ${(bytes / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`);
  };
}
