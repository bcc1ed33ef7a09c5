/** What `fit`, `validate`, `test` and `predict` are given, sorted out once: loaders, a data module, a checkpoint. */
import { z } from 'zod';
import type { RunStage } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { anyThat, parseOptions, text } from '../core/options.ts';
import { isPlainObject } from '../core/tensors.ts';
import { LightningDataModule } from '../module/data-module.ts';
import { type BatchSource, batchSources, evaluationSources, isIterable, type Loaders } from './loaders.ts';
import type { ResolvedTrainerOptions } from './options.ts';

/** Options of `fit`. */
export interface FitOptions {
  /** Resume from this checkpoint: a path, `'last'` or `'best'`. */
  ckptPath?: string | undefined;
  /** Ends the run as the first Ctrl-C does: after the running batch, with status `'interrupted'`. */
  signal?: AbortSignal | undefined;
}

/** Loaders for training and validation, or a data module that has them. */
export type FitData<B> =
  | ({ train: Loaders<B>; val?: Loaders<B> | undefined; datamodule?: undefined } & FitOptions)
  | ({ datamodule: LightningDataModule; train?: undefined; val?: undefined } & FitOptions)
  | LightningDataModule;

/** Options of `validate`, `test` and `predict`. */
export interface EvaluationOptions {
  /** Use the weights of this checkpoint: a path, `'last'` or `'best'`. Default: the module's own. */
  ckptPath?: string | undefined;
  /** Ends the run after the running batch, with status `'interrupted'`; what has been done by then is returned. */
  signal?: AbortSignal | undefined;
}

/** Loaders to evaluate, or a data module that has them. */
export type EvaluationData<B> = Loaders<B> | LightningDataModule | { datamodule: LightningDataModule };

/** The inputs of a run, checked, with the loaders to be asked for late. */
export interface ResolvedData {
  readonly datamodule: LightningDataModule | undefined;
  readonly ckptPath: string | undefined;
  readonly signal: AbortSignal | undefined;
  trainSource(options: ResolvedTrainerOptions): Promise<BatchSource>;
  valSources(options: ResolvedTrainerOptions): Promise<BatchSource[]>;
  evaluationSources(options: ResolvedTrainerOptions): Promise<BatchSource[]>;
}

const isDataModule = (value: unknown): value is LightningDataModule => value instanceof LightningDataModule;

const signalSchema = () => anyThat<AbortSignal>('an AbortSignal', (value) => value instanceof AbortSignal).optional();

const fitSchema = z.strictObject({
  train: z.unknown().optional(),
  val: z.unknown().optional(),
  datamodule: anyThat<LightningDataModule>('a LightningDataModule', isDataModule).optional(),
  ckptPath: text("a path, 'last' or 'best'").optional(),
  signal: signalSchema(),
});
const optionsSchema = z.strictObject({
  ckptPath: text("a path, 'last' or 'best'").optional(),
  signal: signalSchema(),
});

/** Sorts out the arguments of `fit`. */
export function resolveFitData(data: unknown, second: unknown, third: unknown): ResolvedData {
  const isNamed = isDataModule(data) || (isPlainObject(data) && !isIterable(data));
  const named = isDataModule(data) ? { datamodule: data } : isNamed ? data : { train: data, val: second };
  const options = parseOptions('trainer.fit', optionsSchema, isNamed ? second : third);
  const {
    train,
    val,
    datamodule,
    ckptPath = options.ckptPath,
    signal = options.signal,
  } = parseOptions('trainer.fit', fitSchema, named);
  if (datamodule !== undefined && (train !== undefined || val !== undefined)) {
    throw new ConfigError('trainer.fit', {
      code: 'conflicting-data',
      expected: 'loaders or a data module',
      got: 'both',
      help: 'leave out one of them',
    });
  }
  if (datamodule === undefined && train === undefined) throw missingLoader('fit', 'a training loader');
  return {
    datamodule,
    ckptPath,
    signal,
    trainSource: async (flags) => {
      const loader = datamodule ? await datamodule.trainDataloader() : train;
      if (loader === undefined) throw missingLoader('fit', 'a data module with `trainDataloader`');
      const sources = batchSources('train', loader, 'limitTrainBatches', flags.limitTrainBatches);
      if (sources.length === 1) return sources[0] as BatchSource;
      if (sources.length === 0) throw missingLoader('fit', 'a training loader');
      throw new ConfigError('trainer.fit', {
        code: 'several-train-loaders',
        expected: 'one training loader',
        got: show(loader),
      });
    },
    valSources: async (flags) =>
      evaluationSources(
        'val',
        datamodule ? await datamodule.valDataloader() : val,
        'limitValBatches',
        flags.limitValBatches,
      ),
    evaluationSources: () => Promise.resolve([]),
  };
}

const LIMITS = { validate: 'limitValBatches', test: 'limitTestBatches', predict: 'limitPredictBatches' } as const;
const LOADERS = { validate: 'valDataloader', test: 'testDataloader', predict: 'predictDataloader' } as const;

/** Sorts out the arguments of `validate`, `test` and `predict`. */
export function resolveEvaluationData(stage: Exclude<RunStage, 'fit'>, data: unknown, options: unknown): ResolvedData {
  const { ckptPath, signal } = parseOptions(`trainer.${stage}`, optionsSchema, options);
  const inner = isPlainObject(data) && isDataModule(data.datamodule) ? data.datamodule : data;
  const datamodule = isDataModule(inner) ? inner : undefined;
  const none = (): Promise<never> => Promise.reject(missingLoader(stage, 'nothing to train on'));
  return {
    datamodule,
    ckptPath,
    signal,
    trainSource: none,
    valSources: none,
    evaluationSources: async (flags) => {
      const loader = datamodule ? await datamodule[LOADERS[stage]]() : inner;
      if (loader === undefined || loader === null)
        throw missingLoader(stage, datamodule ? `a data module with \`${LOADERS[stage]}\`` : 'a loader');
      return evaluationSources(stage, loader, LIMITS[stage], flags[LIMITS[stage]]);
    },
  };
}

function missingLoader(stage: RunStage, expected: string): ConfigError {
  return new ConfigError(`trainer.${stage}`, { code: 'missing-loader', expected, got: 'none' });
}
