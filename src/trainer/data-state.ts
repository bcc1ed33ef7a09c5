/** What of the data is in a checkpoint beside the loaders' seeds: the data module, and how the loaders were asked for. */
import type { Checkpoint, HyperParameters, Json, JsonObject } from '../core/contracts.ts';
import { CheckpointError, ConfigError, show } from '../core/errors.ts';
import type { LightningDataModule } from '../module/data-module.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { LoaderRequest } from './data-request.ts';
import type { Session } from './session.ts';

/** A data module's part of a checkpoint. */
interface SavedDataModule {
  readonly name: string;
  readonly hparams: HyperParameters;
  readonly state: JsonObject;
}

/** Collects the state of a data module. */
export function collectDataModule(datamodule: LightningDataModule): Json {
  const { name } = datamodule.constructor;
  return { name, hparams: datamodule.hparams, state: datamodule.stateDict() } satisfies SavedDataModule as Json;
}

/** Gives a data module its state back, if the checkpoint has one of its class. */
export function restoreDataModule({ data }: Session, { state }: Checkpoint): void {
  const saved = (state.datamodule ?? undefined) as unknown as SavedDataModule | undefined;
  if (saved?.name === data.datamodule?.constructor.name) data.datamodule?.loadStateDict(saved?.state ?? {});
}

/**
 * The data module in a checkpoint.
 *
 * @throws CheckpointError `no-datamodule` when it has none of this class
 */
export function savedDataModule({ state }: Checkpoint, className: string, path: string): SavedDataModule {
  const saved = state.datamodule as unknown as SavedDataModule | undefined;
  if (saved?.name === className) return saved;
  throw new CheckpointError(`${path} has no data module to rebuild`, {
    code: 'no-datamodule',
    expected: `the hyper-parameters of \`${className}\``,
    got: saved === undefined ? 'a fit without a data module' : `those of \`${saved.name}\``,
    help: 'make it by hand, or load a checkpoint of a fit with `{ datamodule }`',
  });
}

/** How the loaders were asked for in the run that made the checkpoint. */
export function savedLoaderRequest({ state }: Checkpoint): LoaderRequest | undefined {
  return (state.loaderRequest ?? undefined) as unknown as LoaderRequest | undefined;
}

/**
 * The hyper-parameters of module and data module.
 *
 * @throws ConfigError `conflicting-hparams` when both have one of the same name with different values
 */
export function allHyperparameters(
  module: LightningModule<never>,
  datamodule: LightningDataModule | undefined,
): HyperParameters {
  if (datamodule === undefined) return module.hparams;
  for (const [name, value] of Object.entries(datamodule.hparams)) {
    const own = module.hparams[name];
    if (own === undefined || JSON.stringify(own) === JSON.stringify(value)) continue;
    throw new ConfigError(`The hyper-parameter \`${name}\``, {
      code: 'conflicting-hparams',
      expected: `the same value in ${module.constructor.name} and ${datamodule.constructor.name}, since both are logged`,
      got: `${show(own)} and ${show(value)}`,
      help: 'give one of them another name, or leave it out of `saveHyperparameters`',
    });
  }
  return { ...datamodule.hparams, ...module.hparams };
}
