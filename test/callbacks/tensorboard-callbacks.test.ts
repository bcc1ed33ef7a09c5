/** The callbacks that draw in TensorBoard: what they write is read back from the event file. */
import { inflateSync } from 'node:zlib';
import {
  type Callback,
  ConfusionMatrixLogger,
  DistillationModule,
  HistogramMonitor,
  ImageClassificationModel,
  ImagePredictionLogger,
  MemoryLogger,
  mlp,
  TeacherAgreement,
  TensorBoardLogger,
  Trainer,
  tf,
} from 'kelvin';
import { readEvents, type SummaryValue } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { freshDirectory } from '../loggers/support.ts';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const flags = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  logEveryNSteps: 1,
};

/** Four images of 2 × 2 pixels, of classes 0, 1, 2, 0. */
const images = {
  length: 1,
  *[Symbol.iterator]() {
    const x = tf.tensor4d([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [4, 2, 2, 1]);
    yield { x, y: tf.tensor1d([0, 1, 2, 0], 'int32') };
  },
};

/** Takes pixel i for class i, the fourth for class 1, and never learns. */
function classifier(): ImageClassificationModel {
  const model = new ImageClassificationModel({
    encoder: mlp({ inputs: [2, 2, 1], hidden: [], classes: 3 }),
    classes: 3,
    head: 'none',
    learningRate: 1e-12,
  });
  const kernel = tf.tensor2d([9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 9, 0], [4, 3]);
  const bias = tf.zeros([3]);
  model.net.setWeights([kernel, bias]);
  tf.dispose([kernel, bias]);
  return model;
}

/** Fits with callbacks and returns what is in TensorBoard then. */
async function valuesAfterFit(module: ImageClassificationModel, callbacks: Callback[], maxEpochs = 1) {
  const logger = new TensorBoardLogger(freshDirectory());
  await new Trainer({ ...flags, logger, callbacks, maxEpochs }).fit(module, images, images);
  module.dispose();
  return valuesIn(logger.logDir);
}

async function valuesIn(directory: string): Promise<(SummaryValue & { step: number })[]> {
  const found: (SummaryValue & { step: number })[] = [];
  for await (const { step, values } of readEvents(directory)) {
    found.push(...values.map((value) => ({ ...value, step })));
  }
  return found;
}

/** The red part of a pixel of a PNG that our encoder has made. */
function pixelOf(png: Uint8Array, x: number, y: number): number[] {
  const bytes = Buffer.from(png);
  const rows = inflateSync(bytes.subarray(41, 41 + bytes.readUInt32BE(33)));
  const stride = 1 + 3 * bytes.readUInt32BE(16);
  return [...rows.subarray(y * stride + 1 + 3 * x, y * stride + 4 + 3 * x)];
}

test('the confusion matrix is a picture per validation, shaded by the share of the row', async () => {
  await expectNoLeak(async () => {
    const callback = new ConfusionMatrixLogger({ classNames: ['a', 'b', 'c'], everyNEpochs: 2 });
    const values = await valuesAfterFit(classifier(), [callback], 4);
    const pictures = values.filter(({ tag }) => tag === 'confusion_matrix');
    expect(pictures.map(({ step }) => step)).toEqual([1, 3]);
    const png = pictures[0]?.images?.[0]?.bytes ?? new Uint8Array();
    const left = 18 + 2 * 3;
    const shade = (row: number, column: number) => pixelOf(png, left + 32 * column + 3, 30 + 32 * row + 3);
    const [white, half, full] = [
      [255, 255, 255],
      [132, 162, 202],
      [8, 69, 148],
    ];
    const expected = [
      [half, half, white],
      [white, full, white],
      [white, white, full],
    ];
    expect(expected.map((row, i) => row.map((_, j) => shade(i, j)))).toEqual(expected);
  });
});

test('misclassified images are shown, and all of them when asked', async () => {
  await expectNoLeak(async () => {
    const callbacks = [
      new ImagePredictionLogger(),
      new ImagePredictionLogger({ tag: 'all', onlyWrong: false, classNames: ['cat', 'dog', 'fish'] }),
      new ImagePredictionLogger({ tag: 'two', onlyWrong: false, maxImages: 2 }),
    ];
    const values = await valuesAfterFit(classifier(), callbacks);
    const sizes = ['predictions', 'all', 'two'].map((tag) => {
      const image = values.find((value) => value.tag === tag)?.images?.[0];
      return [image?.width, image?.height];
    });
    // Tiles of 84 × 98 with 4 pixels between: one image, a square of four, two in a row.
    expect(sizes).toEqual([
      [92, 106],
      [180, 208],
      [180, 106],
    ]);
    const png = values.find(({ tag }) => tag === 'predictions')?.images?.[0]?.bytes ?? new Uint8Array();
    expect([pixelOf(png, 10, 10), pixelOf(png, 80, 80)]).toEqual([
      [0, 0, 0],
      [255, 255, 255],
    ]);
  });
});

test('histograms of weights and gradients come every so many steps', async () => {
  const logger = new TensorBoardLogger(freshDirectory());
  await expectNoLeak(async () => {
    const module = new BoringModule();
    const callbacks = new HistogramMonitor({ everyNSteps: 2, gradients: true, bins: 3 });
    await new Trainer({ ...flags, logger, callbacks, maxEpochs: 1 }).fit(module, boringLoader(5));
    module.dispose();
  });
  const histograms = (await valuesIn(logger.logDir)).filter(({ plugin }) => plugin === 'histograms');
  const rows = histograms.map(({ tag, step }) => `${tag.split('/')[0]} at ${step}`);
  expect([...new Set(rows)].sort()).toEqual(['gradients at 1', 'gradients at 3', 'weights at 1', 'weights at 3']);
  for (const { histogram } of histograms) expect(histogram).toHaveLength(3);
  const counts = histograms.map(({ histogram }) => histogram?.reduce((sum, { count }) => sum + count, 0));
  expect([...new Set(counts)].sort()).toEqual([1, 2]); // a bias and a kernel of two
});

test('without gradients the monitor does not listen to the hook before the step', () => {
  expect(new HistogramMonitor().onBeforeOptimizerStep).toBeUndefined();
});

test('student and teacher agree on three of four images', async () => {
  const teacher = classifier();
  const student = new DistillationModule({
    encoder: mlp({ inputs: [2, 2, 1], hidden: [], classes: 3 }),
    classes: 3,
    head: 'none',
    learningRate: 1e-12,
    teacher: teacher.net,
  });
  const kernel = tf.tensor2d([9, 0, 0, 0, 9, 0, 0, 0, 9, 9, 0, 0], [4, 3]);
  const bias = tf.zeros([3]);
  student.net.setWeights([kernel, bias]);
  tf.dispose([kernel, bias]);
  const values = await valuesAfterFit(student, [new TeacherAgreement()]);
  teacher.dispose();
  expect(values.find(({ tag }) => tag === 'val_teacher_agreement')?.scalar).toBe(0.75);
  const terms = ['train_loss', 'train_ce_loss', 'train_kd_loss'];
  expect(terms.filter((term) => values.some(({ tag }) => tag === term))).toEqual(terms);
});

test('the callbacks say what they lack', async () => {
  const complaint = async (callbacks: Callback, logger: TensorBoardLogger | MemoryLogger): Promise<string> => {
    const module = new BoringModule();
    try {
      await new Trainer({ ...flags, logger, callbacks, maxEpochs: 1 }).fit(module, boringLoader(1), boringLoader(1));
      return 'no error';
    } catch (error) {
      return (error as Error).message.split('\n')[0] as string;
    } finally {
      module.dispose();
    }
  };
  const board = new TensorBoardLogger(freshDirectory());
  expect(await complaint(new ConfusionMatrixLogger(), new MemoryLogger())).toBe(
    'ConfusionMatrixLogger: expected a trainer with a TensorBoardLogger, got other loggers.',
  );
  expect(await complaint(new HistogramMonitor(), new MemoryLogger())).toContain('HistogramMonitor: expected a trainer');
  expect(await complaint(new TeacherAgreement(), board)).toBe(
    'TeacherAgreement: expected a DistillationModule, or a module with `teach(x)`, got BoringModule.',
  );
  expect(await complaint(new ImagePredictionLogger({ onlyWrong: false }), board)).toBe(
    'ImagePredictionLogger: expected samples of shape [height, width, 1, 3 or 4 channels], or flat and square, got [2].',
  );
  expect(() => new ImagePredictionLogger({ maxImage: 3 } as never)).toThrow('did you mean `maxImages`?');
});
