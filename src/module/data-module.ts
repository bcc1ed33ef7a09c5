/** The class that bundles a data set's loaders with how the data is got and prepared. */
import type { HyperParameters, JsonObject, RunStage, TrainerView } from '../core/contracts.ts';
import type { BatchTransferHooks } from './batch-transfer.ts';
import { plainHyperparameters } from './hyperparameters.ts';
import { notAttached } from './module-errors.ts';

/**
 * Loaders as a module or a data module gives them: anything the trainer can iterate over, one or several, in arrays or
 * records.
 */
export type DataModuleLoaders = object | readonly object[];

type GivenLoaders = DataModuleLoaders | Promise<DataModuleLoaders> | undefined;

/** Connects a data module to the trainer that runs it, or disconnects it. For the trainer alone. */
export let attachDataModule: (datamodule: LightningDataModule, trainer: TrainerView | undefined) => void;

export interface LightningDataModule extends BatchTransferHooks {}

/**
 * Data and its loaders, apart from the model. A run calls `prepareData`, `setup`, the loaders that it needs (again every
 * `reloadDataloadersEveryNEpochs`), and `teardown`. What `stateDict` returns is in every whole checkpoint, and comes back
 * through `loadStateDict` after `setup`, before the loaders are asked for.
 *
 * @example
 * ```ts
 * class Digits extends LightningDataModule {
 *   #data?: Awaited<ReturnType<typeof mnist>>;
 *   constructor(readonly options: { batchSize: number }) {
 *     super();
 *     this.saveHyperparameters(options);
 *   }
 *   override async prepareData() { this.#data = await mnist(); }
 *   override trainDataloader() { return new DataLoader(this.#data.train, { ...this.options, shuffle: true }); }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the hooks are optional, and a class cannot say that of methods
export abstract class LightningDataModule {
  #hparams: HyperParameters = {};
  #trainer: TrainerView | undefined;

  static {
    attachDataModule = (datamodule, trainer) => {
      datamodule.#trainer = trainer;
    };
  }

  /**
   * The trainer that runs this data module.
   *
   * @throws ConfigError `not-attached` when none does
   */
  get trainer(): TrainerView {
    if (this.#trainer === undefined) throw notAttached(this.constructor.name);
    return this.#trainer;
  }

  /** The hyper-parameters given to {@link saveHyperparameters}. */
  get hparams(): HyperParameters {
    return this.#hparams;
  }

  /**
   * Remembers the constructor's options: they are logged beside the module's and saved in checkpoints. Values that are no
   * JSON are left out.
   */
  saveHyperparameters(hparams: Readonly<Record<string, unknown>>): void {
    this.#hparams = { ...this.#hparams, ...plainHyperparameters(this.constructor.name, hparams) };
  }

  /** Downloads or makes the data. */
  prepareData(): void | Promise<void> {}
  /** Opens the data for a stage. */
  setup(_stage: RunStage): void | Promise<void> {}
  /** The training loader. Where a data module gives none, the module is asked. */
  trainDataloader(): GivenLoaders {
    return undefined;
  }
  valDataloader(): GivenLoaders {
    return undefined;
  }
  testDataloader(): GivenLoaders {
    return undefined;
  }
  predictDataloader(): GivenLoaders {
    return undefined;
  }
  /** Closes what `setup` opened. Not called when something threw: see {@link onException}. */
  teardown(_stage: RunStage): void | Promise<void> {}
  /** Something threw while this module's data was in use. */
  onException(_error: unknown): void | Promise<void> {}
  /** What has to survive a resume. */
  stateDict(): JsonObject {
    return {};
  }
  loadStateDict(_state: JsonObject): void {}
}
