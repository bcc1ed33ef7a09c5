/** What commands do before their work: start the engine, seed, find data and model; and clean up after it. */
import { readCheckpoint } from '../checkpoint/store.ts';
import { seedEverything } from '../core/seed.ts';
import { startEngine } from '../engine/start.ts';
import type { LightningDataModule } from '../module/data-module.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { Context } from './command.ts';
import { type ImageData, loadData } from './data.ts';
import { UsageError } from './exit.ts';
import { buildClassifier, checkNotContradicted, savedSettings } from './model.ts';
import { loadModuleFile, parseHparams } from './module-file.ts';
import type { DataSettings, EvaluationSettings, GeneralSettings, ModelSettings, ModuleSettings } from './settings.ts';

/** Starts the engine and seeds, runs `body`, and gives `Math.random` back. */
export async function prepared<T>({ engine, seed }: GeneralSettings, body: () => Promise<T>): Promise<T> {
  await startEngine({ engine });
  if (seed === undefined) return body();
  const restore = seedEverything(seed);
  try {
    return await body();
  } finally {
    restore();
  }
}

/** A module and the data it gets. */
export interface Task {
  readonly module: LightningModule<never>;
  /** The built-in data; undefined when the module file brings its own. */
  readonly images: ImageData | undefined;
  readonly datamodule: LightningDataModule | undefined;
  /** The built-in classifier, which logs `val_acc`. */
  readonly builtIn: boolean;
}

/** Which module to make. */
export interface ModuleChoice {
  /** The checkpoint that the module comes from. */
  readonly checkpoint: string | undefined;
  /** The model options, for commands that have them. */
  readonly model: ModelSettings | undefined;
  /** The views that the built-in classifier averages over. */
  readonly views?: EvaluationSettings['views'] | undefined;
  /** Of the focal loss. Default 0: cross-entropy. */
  readonly focalGamma?: number | undefined;
}

/** Makes the module: the user's own, or the built-in classifier from options or from a checkpoint. */
export async function makeTask(
  settings: DataSettings & ModuleSettings & GeneralSettings,
  { checkpoint, model, views, focalGamma }: ModuleChoice,
  context: Context,
): Promise<Task> {
  const { module: file, hparams, seed } = settings;
  if (file !== undefined) {
    const { make, datamodule } = await loadModuleFile(file);
    const saved = checkpoint === undefined ? {} : (await readCheckpoint(checkpoint)).state.hparams;
    const images = datamodule === undefined ? await loadData(settings, seed, context.io) : undefined;
    const module = await make({
      ...(saved as object),
      ...context.hparams,
      ...parseHparams(hparams),
    });
    return { module, images, datamodule, builtIn: false };
  }
  if (hparams !== undefined) {
    throw new UsageError('--hparams', { code: 'hparams-without-module', expected: '--module beside it', got: 'none' });
  }
  const saved = checkpoint === undefined ? undefined : savedSettings(checkpoint, await readCheckpoint(checkpoint));
  if (saved !== undefined && model !== undefined) checkNotContradicted(context, model, saved.settings);
  const wanted = saved?.settings ?? model;
  if (wanted === undefined) {
    throw new UsageError('a checkpoint is needed', {
      code: 'missing-checkpoint',
      expected: '--ckpt <path>',
      got: 'none',
    });
  }
  const images = await loadData(settings, seed, context.io, saved?.interface);
  const { classWeights } = images;
  const known = saved ? { ...saved.interface, classWeights } : images;
  const classifier = buildClassifier(wanted, { ...known, focalGamma });
  if (views !== undefined) classifier.testViews = views;
  const module = classifier as LightningModule<never>;
  return { module, images, datamodule: undefined, builtIn: true };
}
