/** Rebuilds a module, or a data module, from a checkpoint: its hyper-parameters make it, what was saved fills it. */
import { z } from 'zod';
import { readCheckpoint } from '../checkpoint/store.ts';
import type { Checkpoint } from '../core/contracts.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { anyThat, flag, parseOptions } from '../core/options.ts';
import { isPlainObject } from '../core/tensors.ts';
import { LightningDataModule } from '../module/data-module.ts';
import { configureOnce } from '../module/lifecycle.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { restoreWeights } from '../module/weights.ts';
import { savedDataModule } from './data-state.ts';

/** Options of {@link loadFromCheckpoint}. */
export interface LoadOptions {
  /** Constructor options that go before the saved ones, and those that could not be saved, such as models. */
  overrides?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Whether the weights must be the module's, all of them and no others. Else those that both have are set, and a warning
   * names the rest. Default: the module's `strictLoading`, `true`.
   */
  strict?: boolean | undefined;
}

const schema = z.strictObject({
  overrides: anyThat<Readonly<Record<string, unknown>>>('an object with constructor options', isPlainObject).default(
    {},
  ),
  strict: flag().optional(),
});

/**
 * Makes a module of `ModuleClass` with the hyper-parameters that the checkpoint's module remembered with
 * `saveHyperparameters`, and sets its weights. The module is the caller's, in training mode, and unknown to any trainer.
 *
 * A class of data modules is made of the data module's hyper-parameters, and gets its state back.
 *
 * @param path a file that `ModelCheckpoint` or `trainer.saveCheckpoint` wrote, weights only or whole
 * @throws CheckpointError when the file is missing or damaged, or when its weights do not fit (a wrong shape never does)
 * or when it has no data module of this class
 * @throws ConfigError `cannot-rebuild` when the constructor throws
 *
 * @example
 * ```ts
 * const net = await loadFromCheckpoint(Net, 'checkpoints/last.ckpt', { overrides: { dropout: 0 } });
 * const digits = await loadFromCheckpoint(Digits, 'checkpoints/last.ckpt');   // a LightningDataModule
 * ```
 */
export function loadFromCheckpoint<D extends LightningDataModule>(
  DataModuleClass: new (...args: never[]) => D,
  path: string,
  options?: Pick<LoadOptions, 'overrides'>,
): Promise<D>;
export function loadFromCheckpoint<M extends LightningModule<never>>(
  ModuleClass: new (...args: never[]) => M,
  path: string,
  options?: LoadOptions,
): Promise<M>;
export async function loadFromCheckpoint<M extends LightningModule<never> | LightningDataModule>(
  Class: new (...args: never[]) => M,
  path: string,
  options: LoadOptions = {},
): Promise<M> {
  const { overrides, strict } = parseOptions('loadFromCheckpoint', schema, options);
  const checkpoint = await readCheckpoint(path);
  if (Class.prototype instanceof LightningDataModule) {
    const { hparams, state } = savedDataModule(checkpoint, Class.name, path);
    const datamodule = build(Class, path, { ...hparams, ...overrides });
    (datamodule as LightningDataModule).loadStateDict(state);
    return datamodule;
  }
  const module = build(Class, path, { ...(checkpoint.state.hparams as object), ...overrides });
  await fill(module as LightningModule<never>, checkpoint, strict);
  return module;
}

/** Sets the weights. A module that they do not fit is disposed of. */
async function fill(module: LightningModule<never>, checkpoint: Checkpoint, strict?: boolean): Promise<void> {
  try {
    await configureOnce(module);
    await module.onLoadCheckpoint?.(checkpoint);
    restoreWeights(module, checkpoint, { strict: strict ?? module.strictLoading });
  } catch (error) {
    module.dispose();
    throw error;
  }
}

function build<M>(ModuleClass: new (...args: never[]) => M, path: string, hparams: object): M {
  try {
    return new ModuleClass(hparams as never);
  } catch (cause) {
    throw new ConfigError(`${ModuleClass.name} cannot be rebuilt from ${path}`, {
      code: 'cannot-rebuild',
      got: messageOf(cause),
      help: 'give what is missing or wrong in `overrides`: models and functions are not saved in a checkpoint',
      cause,
    });
  }
}
