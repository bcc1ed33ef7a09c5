/** Runs the same training eagerly and compiled, on the native engine. */
import { join } from 'node:path';
import {
  type Callback,
  ImageClassificationModel,
  type LightningModule,
  ModelCheckpoint,
  mlp,
  Random,
  seedEverything,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect } from 'vitest';
import { freshDirectory } from '../../support/files.ts';

/** Whether the native engine is to be tested. */
export const NATIVE = process.env.KELVIN_TEST_NATIVE !== undefined;
/** What a suite that needs it adds to its name. */
export const WHERE = NATIVE ? '' : ' (skipped: npm run test:native)';

/** Batches of drawn numbers with the last one smaller, and labels that depend on the inputs. */
export function loaderOf(shape: readonly number[], { batches = 6, size = 16, classes = 4 } = {}) {
  const random = new Random(5);
  const data = Array.from({ length: batches }, (_, i) => {
    const rows = i === batches - 1 ? size - 5 : size;
    const x = Float32Array.from({ length: rows * tf.util.sizeFromShape([...shape]) }, () => random.normal());
    const y = Int32Array.from({ length: rows }, (_, row) => ((x[row] as number) > 0 ? 0 : random.integer(classes)));
    return { x, y, rows };
  });
  return {
    length: batches,
    *[Symbol.iterator]() {
      for (const { x, y, rows } of data)
        yield { x: tf.tensor(x.slice(), [rows, ...shape]), y: tf.tensor1d(y.slice(), 'int32') };
    },
  };
}

/** What a run came to. */
export interface Run {
  readonly losses: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** How often the step's own code has run. */
  readonly calls: number;
}

/** Counts the calls of a module's training step. */
function callsOf(module: LightningModule<never>): () => number {
  const own = module.trainingStep as (...args: unknown[]) => ReturnType<LightningModule['trainingStep']>;
  let calls = 0;
  const counting = (...args: unknown[]) => {
    calls++;
    return own.apply(module, args);
  };
  // It has to look as the step does: whether that takes `batchIdx` matters.
  module.trainingStep = Object.defineProperty(counting, 'length', { value: own.length });
  return () => calls;
}

/** Trains a new module. */
export async function train(
  make: () => LightningModule<never>,
  shape: readonly number[],
  { callbacks = [], ...options }: TrainerOptions & { callbacks?: readonly Callback[] },
  ckptPath?: string,
): Promise<Run> {
  const restore = seedEverything(3);
  const variables = new Set(Object.values(tf.engine().registeredVariables));
  const module = make();
  const calls = callsOf(module);
  const losses: number[] = [];
  const watch: Callback = {
    onTrainBatchEnd: (_trainer, _module, output) => {
      losses.push(output.loss?.dataSync()[0] as number);
    },
  };
  try {
    const trainer = new Trainer({
      ...{ enableProgressBar: false, enableModelSummary: false, enableCheckpointing: false, logger: false },
      ...{ engine: 'tensorflow', callbacks: [...callbacks, watch] },
      ...options,
    });
    const { metrics } = await trainer.fit(module, {
      train: loaderOf(shape),
      val: loaderOf(shape, { batches: 4 }),
      ckptPath,
    } as never);
    const weights = [...module.namedVariables()].map(([name, variable]) => [name, [...variable.dataSync()]] as const);
    return { losses, weights: Object.fromEntries(weights), metrics, calls: calls() };
  } finally {
    for (const variable of Object.values(tf.engine().registeredVariables)) // the teacher's too, which is private
      if (!variables.has(variable)) variable.dispose();
    restore();
  }
}

/** Losses to 1e-5, metrics to 5e-5 of their size, small ones absolutely; and most steps did run compiled. */
export function expectSame(compiled: Run, eager: Run): void {
  expect(compiled.calls).toBeLessThan(eager.calls * 0.8);
  expect(compiled.losses).toHaveLength(eager.losses.length);
  const off = eager.losses.map((loss, i) => Math.abs((compiled.losses[i] as number) - loss) / Math.abs(loss));
  expect(Math.max(...off)).toBeLessThan(1e-5);
  for (const [name, value] of Object.entries(eager.metrics)) {
    const apart = Math.abs((compiled.metrics[name] as number) - value);
    expect(apart / Math.max(1, Math.abs(value)), `${name}: ${value}`).toBeLessThan(5e-5);
  }
}

/** Makes a small perceptron for four classes. */
export const perceptron =
  (options = {}) =>
  () =>
    new ImageClassificationModel({
      encoder: mlp({ inputs: 8, hidden: [12], classes: 4, ...options }),
      classes: 4,
      head: 'none',
    });

/** A compiled run that is saved after 20 steps, resumed from there with everything new, and beside it one that goes through. */
export async function wholeAndResumed(
  maxSteps: number,
  { dropout, callbacks = () => [] }: { dropout: number; callbacks?: () => Callback[] },
): Promise<{ whole: Run; resumed: Run }> {
  const dirPath = freshDirectory();
  const make = () =>
    new ImageClassificationModel({
      encoder: mlp({ inputs: 8, hidden: [12], classes: 4, dropout }),
      ...{ classes: 4, head: 'none', lrSchedule: 'constant' },
    }) as never as LightningModule<never>;
  const run = (steps: number, options: Parameters<typeof train>[2], ckptPath?: string) =>
    train(make, [8], { maxSteps: steps, compile: true, ...options }, ckptPath);
  const whole = await run(maxSteps, { callbacks: callbacks() });
  const saving = new ModelCheckpoint({ dirPath, everyNTrainSteps: 20, filename: 'half' });
  await run(20, { callbacks: [...callbacks(), saving], enableCheckpointing: true });
  return { whole, resumed: await run(maxSteps, { callbacks: callbacks() }, join(dirPath, 'half.ckpt')) };
}
