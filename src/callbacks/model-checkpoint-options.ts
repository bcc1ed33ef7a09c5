/** What a ModelCheckpoint is told, and what it must not be told together. */
import { z } from 'zod';
import { isTimeSpan, type TimeSpan } from '../core/duration.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, countIn, flag, oneOf, parseOptions, text, wholeNumber } from '../core/options.ts';

/** Options of `ModelCheckpoint`. */
export interface ModelCheckpointOptions<W extends string = string> {
  /** Where to save. Default: `checkpoints` in the run's log directory. */
  dirPath?: string | undefined;
  /** Name of the files, with metrics in braces: `'{epoch:02d}-{val_loss:.2f}'`. Default `'{epoch}-{step}'`. */
  filename?: string | undefined;
  /** The metric to judge by. Without one the newest checkpoint counts as the best. */
  monitor?: W | undefined;
  /** Whether a smaller (`'min'`, default) or larger metric is better. */
  mode?: 'min' | 'max' | undefined;
  /** How many of the best to keep; `-1` for all, `0` for none. Default 1. */
  saveTopK?: number | undefined;
  /** Also keep `last.ckpt`, the state at the end of every interval, whether or not it was among the best. Default `false`. */
  saveLast?: boolean | undefined;
  /** Leave out optimizer and loop state: smaller, but not to be resumed from. Default `false`. */
  saveWeightsOnly?: boolean | undefined;
  /** Save when training throws, so that nothing trained is lost. Default `true`. */
  saveOnException?: boolean | undefined;
  /** Save every n optimizer steps instead of at epoch ends. */
  everyNTrainSteps?: number | `${number}st` | undefined;
  /** Save after the batch at which this time has passed since the last save, `'30min'`, instead of at epoch ends. */
  trainTimeInterval?: TimeSpan | undefined;
  /** Save every n epochs. Default 1. */
  everyNEpochs?: number | `${number}ep` | undefined;
  /** Save at the end of training epochs (`true`) or of validation. Default: whichever comes last. */
  saveOnTrainEpochEnd?: boolean | undefined;
  /** Where a file of that name is there already, save beside it as `…-v1.ckpt` (default) or write over it. */
  enableVersionCounter?: boolean | undefined;
  /** Put the metric's name into the file name: `val_loss=0.50`. Default `true`. */
  autoInsertMetricName?: boolean | undefined;
  /** The clock of `trainTimeInterval`, in milliseconds. Default `performance.now`. */
  clock?: (() => number) | undefined;
  /** Tells two ModelCheckpoints of one trainer apart in a checkpoint. Default: made of `monitor` and the trigger. */
  stateKey?: string | undefined;
}

const schema = z.strictObject({
  dirPath: text().optional(),
  filename: text().optional(),
  monitor: text().optional(),
  mode: oneOf('min', 'max').default('min'),
  saveTopK: wholeNumber(-1).default(1),
  saveLast: flag().default(false),
  saveWeightsOnly: flag().default(false),
  saveOnException: flag().default(true),
  everyNTrainSteps: countIn('st', 1).optional(),
  trainTimeInterval: anyThat<TimeSpan>("a time such as '30min' or '90s'", isTimeSpan).optional(),
  everyNEpochs: countIn('ep', 1).optional(),
  saveOnTrainEpochEnd: flag().optional(),
  enableVersionCounter: flag().default(true),
  autoInsertMetricName: flag().default(true),
  clock: anyThat<() => number>('a function', (value) => typeof value === 'function').optional(),
  stateKey: text().optional(),
});

/** The options of a ModelCheckpoint with their defaults. */
export type CheckpointPlan = z.output<typeof schema>;

/**
 * Checks the options.
 *
 * @throws ConfigError `invalid-option`, `unknown-option`, `conflicting-options`
 */
export function checkpointPlan(options: ModelCheckpointOptions): CheckpointPlan {
  const plan = parseOptions('ModelCheckpoint', schema, options);
  if (plan.monitor === undefined && plan.saveTopK > 1) {
    throw conflict('saveTopK', '-1, 0 or 1, since there is no `monitor` to judge by', String(plan.saveTopK));
  }
  const [first, second] = (['everyNTrainSteps', 'trainTimeInterval', 'everyNEpochs'] as const).filter(
    (trigger) => plan[trigger] !== undefined,
  );
  if (second !== undefined) throw conflict(second, 'one trigger', `two: \`${first}\` is given as well`);
  return plan;
}

const conflict = (option: string, expected: string, got: string): ConfigError =>
  new ConfigError(`ModelCheckpoint: option \`${option}\``, { code: 'conflicting-options', expected, got });
