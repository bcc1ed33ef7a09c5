/**
 * The demo: trains a teacher, distils it into a student a tenth of its size, trains the same student alone, and compares
 * the three on the test set.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Callback,
  type DistillationReport,
  type EvaluatedModel,
  evaluateDistillation,
  type ImageBatch,
  type ImageClassificationModel,
  type Loader,
  ModelCheckpoint,
  ProgressBar,
  startEngine,
  TensorBoardLogger,
  Trainer,
} from 'kelvin';
import { type DigitsOptions, loadDigits } from './digits.ts';
import { FULL, makeLoaders, makeStudent, makeTeacher, QUICK, type Recipe } from './recipe.ts';

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** Default `'auto'`: MNIST if it can be had, else digits that Kelvin draws itself. */
  readonly data?: DigitsOptions['data'] | undefined;
  /** A directory with the MNIST files. */
  readonly dataDir?: string | undefined;
  /** Seconds instead of minutes, on very little data. Default false. */
  readonly quick?: boolean | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
  /** Where TensorBoard files and checkpoints go. Default `'runs'`. */
  readonly logDir?: string | undefined;
  /** Takes lines for people. Default: nobody. */
  readonly print?: ((line: string) => void) | undefined;
  /** Show progress bars on stderr. Default false. */
  readonly progress?: boolean | undefined;
}

/** What came of the demo. */
export interface DemoResult {
  readonly status: 'finished' | 'interrupted';
  /** Teacher, student alone, student distilled; undefined when interrupted. */
  readonly report: DistillationReport | undefined;
}

/** Runs the demo. */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const {
    data = 'auto',
    dataDir,
    quick = false,
    seed = 1,
    logDir = 'runs',
    print = () => {},
    progress = false,
  } = options;
  const recipe = quick ? QUICK : FULL;
  const engine = await startEngine();
  const digits = await loadDigits(recipe, { data, dataDir, print });
  const loaders = makeLoaders(digits, recipe, seed);
  print(`Data: ${digits.source}; ${digits.train.length} images to train, ${digits.test.length} to test.`);
  print(`Engine: ${engine.name}, ${engine.detail}.`);

  const models: ImageClassificationModel[] = [];
  const train = async (name: string, model: ImageClassificationModel, loader: Loader<ImageBatch>, epochs: number) => {
    models.push(model);
    const callbacks: Callback[] = [new ModelCheckpoint({ monitor: 'val_acc', mode: 'max', saveLast: true })];
    if (progress) callbacks.push(new ProgressBar({ leave: false }));
    const trainer = new Trainer({
      maxEpochs: epochs,
      callbacks,
      logger: new TensorBoardLogger(logDir, { name }),
      enableProgressBar: progress,
      enableModelSummary: false,
    });
    const { status } = await trainer.fit(model, { train: loader, val: loaders.val });
    return status === 'interrupted';
  };
  try {
    const { teacher: big, student: small } = recipe;
    print(`\n1. The teacher, ${sizes(big.hidden)}, ${big.epochs} epochs on shifted images`);
    const teacher = makeTeacher(recipe, seed);
    if (await train('teacher', teacher, loaders.teacher, big.epochs)) return interrupted(print);

    print(`\n2. A student, ${sizes(small.hidden)}, ${small.epochs} epochs, taught by labels alone`);
    const alone = makeStudent(recipe, seed);
    if (await train('student-alone', alone, loaders.student(), small.epochs)) return interrupted(print);

    print(`\n3. The same student, taught by labels and teacher, temperature ${recipe.temperature}`);
    const distilled = makeStudent(recipe, seed, teacher);
    if (await train('student-distilled', distilled, loaders.student(), small.epochs)) return interrupted(print);

    const compared = { teacher, 'student alone': alone, 'student distilled': distilled };
    const report = await evaluateDistillation(compared, loaders.test, { title: `Digits: ${digits.source}` });
    const page = join(logDir, 'distillation.html');
    await writeFile(page, report.toHTML());
    print(`\n${report.toTable()}`);
    print(`\n${conclusion(report, recipe)}`);
    print(whereToLook(logDir, page));
    return { status: 'finished', report };
  } finally {
    for (const model of models) model.dispose();
  }
}

const sizes = (hidden: readonly number[]): string => [784, ...hidden, 10].join('-');

function interrupted(print: (line: string) => void): DemoResult {
  print('\nInterrupted. What was trained so far is saved beside the logs.');
  return { status: 'interrupted', report: undefined };
}

function conclusion(report: DistillationReport, { temperature, alpha }: Recipe): string {
  const [teacher, alone, distilled] = report.rows.map((row) => row.errors.value) as [number, number, number];
  const student = report.rows.at(-1) as EvaluatedModel;
  const fewer = alone - distilled;
  const share = Math.round((100 * Math.abs(fewer)) / Math.max(1, alone));
  const verdict =
    fewer > 0
      ? `Distillation (alpha ${alpha}, T ${temperature}) spares the student ${share}% of its errors: ${alone} alone, ${distilled} distilled.`
      : `Here distillation did not help: ${alone} errors alone, ${distilled} distilled.`;
  const speed = report.speedUp(student).toFixed(1);
  return `${verdict}\nThe student is ${report.sizeReduction(student).toFixed(1)} times smaller than the teacher and ${speed} times as fast on one image; the teacher makes ${teacher} errors.`;
}

function whereToLook(logDir: string, page: string): string {
  return [
    `\nCurves: tensorboard --logdir ${logDir}   (pip install tensorboard, if it is not there)`,
    `The comparison as a page: ${page}`,
    `Checkpoints: ${join(logDir, '<model>', 'version_N', 'checkpoints')}`,
  ].join('\n');
}
