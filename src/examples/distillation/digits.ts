/** The demo's data: MNIST where it can be had, else the digits that Kelvin draws itself. */
import { DataError, type Dataset, drawnDigits, type ImageBatch, mnist, subset } from 'kelvin';
import type { Recipe } from './recipe.ts';

/** Training, validation and test images of digits. */
export interface Digits {
  readonly train: Dataset<unknown, ImageBatch>;
  readonly val: Dataset<unknown, ImageBatch>;
  readonly test: Dataset<unknown, ImageBatch>;
  /** For people: what this is and where it comes from. */
  readonly source: string;
}

/** Where to get the digits. */
export interface DigitsOptions {
  /** `'auto'`: MNIST, and drawn digits where neither files nor a network are. */
  readonly data: 'auto' | 'mnist' | 'digits';
  readonly dataDir?: string | undefined;
  /** Takes lines for people, among them how far a download is. */
  readonly print: (line: string) => void;
}

/** Gets the digits that a recipe asks for: the first training images, the ones after them for validation. */
export async function loadDigits(recipe: Recipe, options: DigitsOptions): Promise<Digits> {
  const { trainingImages, validationImages, testImages } = recipe;
  const { train, test, source } = await splits(recipe, options);
  return {
    train: subset(train, range(0, trainingImages)),
    val: subset(train, range(trainingImages, trainingImages + validationImages)),
    test: subset(test, range(0, Math.min(testImages, test.length))),
    source,
  };
}

async function splits({ trainingImages, validationImages, testImages }: Recipe, options: DigitsOptions) {
  const { data, dataDir, print } = options;
  if (data !== 'digits') {
    try {
      const found = await mnist({ dataDir, onProgress: downloadPrinter(print) });
      return { ...found, source: `MNIST from ${found.source}` };
    } catch (error) {
      const absent = error instanceof DataError && error.code === 'data-not-found';
      if (data === 'mnist' || !absent) throw error;
      print('MNIST is not on this machine and cannot be downloaded: going on with digits that Kelvin draws itself.');
      print('(With the files at hand: --data-dir <directory>, or set KELVIN_DATA_DIR.)');
    }
  }
  const drawn = drawnDigits({ train: trainingImages + validationImages, test: Math.min(testImages, 4_000) });
  return { ...drawn, source: 'digits drawn by Kelvin itself' };
}

/** A line per tenth of a download. */
function downloadPrinter(print: (line: string) => void): (progress: { bytes: number; total: number }) => void {
  let shown = -1;
  return ({ bytes, total }) => {
    const tenths = Math.floor((10 * bytes) / total);
    if (tenths === shown || bytes === 0) return;
    shown = tenths;
    const bar = '█'.repeat(tenths) + '░'.repeat(10 - tenths);
    print(`downloading MNIST  ${bar}  ${(bytes / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`);
  };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
