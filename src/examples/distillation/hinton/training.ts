/** One training run of the experiment: no selection on the test set, the last epoch counts. */
import {
  ArrayDataset,
  type ClassScores,
  classErrors,
  DataLoader,
  type ImageBatch,
  type ImageClassificationModel,
  type ImageColumns,
  type Loader,
  MemoryLogger,
  ProgressBar,
  randomShift,
  TensorBoardLogger,
  Trainer,
  withoutClasses,
} from 'kelvin';
import { logitsOf } from './logits.ts';
import type { Schedule } from './plan.ts';

/** The images of the experiment. */
export interface Digits {
  readonly train: ArrayDataset<ImageColumns>;
  readonly test: ArrayDataset<ImageColumns>;
}

/** What every run needs to know. */
export interface Surroundings {
  readonly digits: Digits;
  /** Where TensorBoard files go. */
  readonly directory: string;
  readonly progress: boolean;
}

/** What came of a run. */
export interface Outcome {
  /** The logits for the test set after the last epoch. */
  readonly test: ClassScores;
  readonly errors: number;
  /** Test errors after each epoch, for the curve. Nothing is chosen by them. */
  readonly curve: readonly number[];
  readonly minutes: number;
}

/** Thrown when somebody pressed Ctrl-C. */
export class Interrupted extends Error {}

/** Trains a model to the end and counts its errors. */
export async function train(
  name: string,
  model: ImageClassificationModel,
  loader: Loader<ImageBatch>,
  { epochs, clipNorm }: Schedule,
  { digits, directory, progress }: Surroundings,
): Promise<Outcome> {
  const memory = new MemoryLogger();
  const trainer = new Trainer({
    maxEpochs: epochs,
    gradientClipVal: clipNorm,
    logger: [new TensorBoardLogger(directory, { name }), memory],
    callbacks: progress ? [new ProgressBar({ leave: false })] : [],
    enableProgressBar: progress,
    enableModelSummary: false,
    enableCheckpointing: false,
    numSanityValSteps: 0,
  });
  const start = performance.now();
  const { status } = await trainer.fit(model, { train: loader, val: new DataLoader(digits.test, { batchSize: 1000 }) });
  if (status === 'interrupted') throw new Interrupted();
  const minutes = (performance.now() - start) / 60_000;
  const test = logitsOf(model, digits.test);
  const curve = memory.rows.flatMap(({ metrics: { val_acc: accuracy } }) =>
    accuracy === undefined ? [] : [Math.round((1 - accuracy) * digits.test.length)],
  );
  return { test, errors: classErrors(test).all, curve, minutes };
}

/** The teacher's loader: the images moved about. */
export function jittered({ train }: Digits, { batchSize, jitter }: Schedule & { jitter: number }, seed: number) {
  return new DataLoader(train, { batchSize, shuffle: true, seed, transform: randomShift({ pixels: jitter }) });
}

/** The students' loader: the images as they are, each with what the teacher said of it, if asked; without some digits. */
export function transferLoader(
  { train }: Digits,
  soft: ClassScores | undefined,
  { batchSize }: Schedule,
  seed: number,
  omitted: readonly number[] = [],
) {
  const { x, y } = train.columns;
  const targets = soft && { soft: { data: soft.logits, shape: [10] } };
  const transfer = new ArrayDataset({ x, y, ...targets });
  return new DataLoader(withoutClasses(transfer, y.data, omitted), { batchSize, shuffle: true, seed });
}
