/** Images of the user's own for the command line: folders of classes, tables with images, CIFAR archives. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import { cifar10, cifar100 } from '../data/datasets/cifar.ts';
import { csvImages } from '../data/datasets/csv-images.ts';
import { stratifiedSplit } from '../data/datasets/folds.ts';
import type { ImageFiles } from '../data/datasets/image-files.ts';
import { imageFolder } from '../data/datasets/image-folder.ts';
import { subset } from '../data/datasets/subsets.ts';
import type { DownloadProgress } from '../data/files/fetched.ts';
import type { Images } from './data.ts';
import { UsageError } from './exit.ts';
import type { ModelInterface } from './model.ts';
import type { DataSettings } from './settings.ts';

/** Images to train on and to test with, wherever they come from. */
export interface Splits {
  readonly train: Dataset<unknown, Images>;
  /** The class of each training image. */
  readonly trainLabels: ArrayLike<number>;
  readonly test: Dataset<unknown, Images>;
  /** Undefined when the images have no labels. */
  readonly testLabels: ArrayLike<number> | undefined;
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  readonly classNames?: readonly string[] | undefined;
  /** For people: where they come from. */
  readonly source: string;
}

/** The split must be the same in `fit` and in a later `test`. */
const SPLIT_SEED = 1;
const DEFAULT_SIZE = 64;

/**
 * Reads what `--data` names after its colon. Size and classes are those of the checkpoint, where there is one.
 *
 * @throws UsageError `missing-images`, `missing-label`
 */
export async function fileSplits(
  kind: 'csv' | 'folder',
  place: string,
  settings: DataSettings,
  saved: ModelInterface | undefined,
): Promise<Splits> {
  const [height, width, channels] = (saved?.shape ?? []) as number[];
  const side = settings.size ?? undefined;
  const size =
    side !== undefined ? ([side, side] as const) : ([height ?? DEFAULT_SIZE, width ?? DEFAULT_SIZE] as const);
  const decode = { size, channels: channels === 1 ? (1 as const) : (3 as const), fit: settings.fit };
  const classes = saved?.classNames;
  const plan = { shape: [...size, decode.channels] as const, source: place, saved, testSplit: settings.testSplit };
  if (kind === 'csv') {
    const { images, id, label } = settings;
    if (images === undefined) throw needed('--images', 'missing-images', 'the folder of the images');
    if (label === undefined && saved === undefined) throw needed('--label', 'missing-label', 'the column of the label');
    return parted(await csvImages({ ...decode, csv: place, images, id, label, classes }), plan);
  }
  const [train, test] = ['train', 'test'].map((name) => join(place, name)) as [string, string];
  if (!existsSync(train) || !existsSync(test)) return parted(await imageFolder(place, { ...decode, classes }), plan);
  const trainImages = await imageFolder(train, { ...decode, classes });
  const testImages = await imageFolder(test, { ...decode, classes: trainImages.classes });
  return {
    ...{ train: trainImages, trainLabels: trainImages.labels, test: testImages, testLabels: testImages.labels },
    ...{ shape: plan.shape, source: place, classes: trainImages.classes.length, classNames: trainImages.classes },
  };
}

interface Plan {
  readonly shape: readonly [number, number, number];
  readonly source: string;
  readonly saved: ModelInterface | undefined;
  readonly testSplit: number;
}

/** Without labels all images are there to be predicted. */
function parted(images: ImageFiles, { shape, source, saved, testSplit }: Plan): Splits {
  const classNames = images.classes.length > 0 ? images.classes : saved?.classNames;
  const same = { shape, source, classes: classNames?.length ?? saved?.classes ?? 0, classNames };
  if (images.labels.length === 0) {
    return { ...same, train: subset(images, []), trainLabels: [], test: images, testLabels: undefined };
  }
  type Part = Dataset<unknown, Images>;
  const [train, test] = stratifiedSplit(images, images.labels, [1 - testSplit, testSplit], SPLIT_SEED) as [Part, Part];
  const label = new Map(images.entries.map(({ id }, i) => [id, images.labels[i] as number]));
  const labelsOf = (part: Part): number[] =>
    Array.from({ length: part.length }, (_, i) => label.get(part.sampleId?.(i) as string) as number);
  return { ...same, train, trainLabels: labelsOf(train), test, testLabels: labelsOf(test) };
}

/** CIFAR-10 or -100 from an archive of that format, from a directory that has the official one, or fetched into the cache. */
export async function cifarSplits(
  kind: 'cifar10' | 'cifar100',
  place: string | undefined,
  onProgress: (progress: DownloadProgress) => void,
): Promise<Splits> {
  const read = kind === 'cifar10' ? cifar10 : cifar100;
  const isFile = place !== undefined && statSync(place, { throwIfNoEntry: false })?.isFile();
  const { train, test, source, classNames } = await read({ [isFile ? 'archive' : 'dataDir']: place, onProgress });
  return {
    ...{ train, trainLabels: train.columns.y.data, test, testLabels: test.columns.y.data },
    ...{ shape: train.columns.x.shape, classes: classNames.length, classNames, source },
  };
}

const needed = (option: string, code: string, expected: string): UsageError =>
  new UsageError('--data csv:…', { code, expected: `${option}, ${expected}` });
