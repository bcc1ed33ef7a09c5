/** What `fit`, `validate`, `test` and `predict` are given, sorted out once: loaders, a data module, a checkpoint. */
import { z } from 'zod';
import type { RunStage } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, parseOptions, text } from '../core/options.ts';
import { isPlainObject } from '../core/tensors.ts';
import { isIterable, type LoaderTree } from '../data/loader.ts';
import { LightningDataModule } from '../module/data-module.ts';
import type { LoaderKind } from './data-request.ts';
import type { Loaders } from './loaders.ts';

/** Options of `fit`. */
export interface FitOptions {
  /** Resume from this checkpoint: a path, `'last'` or `'best'`. */
  ckptPath?: string | undefined;
  /** Ends the run as the first Ctrl-C does: after the running batch, with status `'interrupted'`. */
  signal?: AbortSignal | undefined;
}

/**
 * Loaders for training and validation, or a data module that has them. Several training loaders in an array or a record
 * are walked through at once and give batches of that shape, as `new CombinedLoader(loaders)` does. What is left out is
 * asked of the module: `trainDataloader()`, `valDataloader()`.
 */
export type FitData<B> =
  | ({
      train?: LoaderTree<B> | undefined;
      val?: Loaders<B> | undefined;
      datamodule?: undefined;
    } & FitOptions)
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

/** The inputs of a run, checked. Loaders are asked for late: see data-request.ts. */
export interface ResolvedData {
  readonly datamodule: LightningDataModule | undefined;
  readonly ckptPath: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Those that were given, as they were given. */
  readonly loaders: Readonly<Partial<Record<LoaderKind, unknown>>>;
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
  const isNamed = data === undefined || isDataModule(data) || (isPlainObject(data) && !isIterable(data));
  const named =
    data === undefined ? {} : isDataModule(data) ? { datamodule: data } : isNamed ? data : { train: data, val: second };
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
  return { datamodule, ckptPath, signal, loaders: { train: train ?? undefined, val: val ?? undefined } };
}

/** Sorts out the arguments of `validate`, `test` and `predict`. */
export function resolveEvaluationData(stage: Exclude<RunStage, 'fit'>, data: unknown, options: unknown): ResolvedData {
  const { ckptPath, signal } = parseOptions(`trainer.${stage}`, optionsSchema, options);
  const inner = isPlainObject(data) && isDataModule(data.datamodule) ? data.datamodule : data;
  if (isDataModule(inner)) return { datamodule: inner, ckptPath, signal, loaders: {} };
  return { datamodule: undefined, ckptPath, signal, loaders: { [KINDS[stage]]: inner ?? undefined } };
}

const KINDS = { validate: 'val', test: 'test', predict: 'predict' } as const;
