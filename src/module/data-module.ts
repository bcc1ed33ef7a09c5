/** The class that bundles a data set's loaders with how the data is got and prepared. */

import type { HyperParameters, JsonObject, RunStage, TrainerView } from '../core/contracts.ts';
import { DataLoader } from '../data/data-loader.ts';
import type { Dataset } from '../data/dataset.ts';
import type { DataLoaderOptions } from '../data/loader-options.ts';
import type { BatchTransferHooks } from './batch-transfer.ts';
import { plainHyperparameters } from './hyperparameters.ts';
import { notAttached } from './module-errors.ts';

/**
 * Loaders as a module or a data module gives them: anything the trainer can iterate over, one or several, in arrays or
 * records.
 */
export type DataModuleLoaders = object | readonly object[];

/** Datasets by what they are for; several for evaluation in an array or a record. */
export interface DataModuleDatasets {
  readonly train?: Dataset | undefined;
  readonly val?: EvaluationDatasets | undefined;
  readonly test?: EvaluationDatasets | undefined;
  readonly predict?: EvaluationDatasets | undefined;
}

type EvaluationDatasets = Dataset | readonly Dataset[] | Readonly<Record<string, Dataset>>;

/** Options of {@link LightningDataModule.fromDatasets}: those of the loaders. */
export interface FromDatasetsOptions extends Omit<DataLoaderOptions, 'shuffle' | 'sampler'> {
  readonly train?: DataLoaderOptions | undefined;
}

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

  /**
   * A data module from datasets alone: a loader for each, that of training shuffled.
   *
   * @param options of all loaders; in `train` those of the training loader that differ, such as its augmentation
   * @throws ConfigError when its loaders are asked for, as {@link DataLoader}
   *
   * @example
   * ```ts
   * const { train, test } = await mnist();
   * const data = LightningDataModule.fromDatasets({ train, val: test }, { batchSize: 64, train: { transform: randomShift() } });
   * await trainer.fit(module, data);
   * ```
   */
  static fromDatasets(datasets: DataModuleDatasets, options: FromDatasetsOptions = {}): LightningDataModule {
    return new DatasetsModule(datasets, options);
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

class DatasetsModule extends LightningDataModule {
  readonly #datasets: DataModuleDatasets;
  readonly #options: Omit<FromDatasetsOptions, 'train'>;
  readonly #train: DataLoaderOptions;

  constructor(datasets: DataModuleDatasets, { train = {}, ...options }: FromDatasetsOptions) {
    super();
    this.#datasets = datasets;
    this.#options = options;
    this.#train = train;
  }

  override trainDataloader(): GivenLoaders {
    const { train } = this.#datasets;
    const shuffle = this.#train.sampler === undefined;
    return train && new DataLoader(train, { shuffle, ...this.#options, ...this.#train });
  }

  override valDataloader(): GivenLoaders {
    return this.#loaders(this.#datasets.val);
  }

  override testDataloader(): GivenLoaders {
    return this.#loaders(this.#datasets.test);
  }

  override predictDataloader(): GivenLoaders {
    return this.#loaders(this.#datasets.predict);
  }

  #loaders(given: EvaluationDatasets | undefined): GivenLoaders {
    const loader = (dataset: Dataset): DataLoader => new DataLoader(dataset, this.#options);
    if (given === undefined || isDataset(given)) return given && loader(given);
    if (Array.isArray(given)) return given.map(loader);
    return Object.fromEntries(Object.entries(given).map(([name, dataset]) => [name, loader(dataset as Dataset)]));
  }
}

const isDataset = (value: EvaluationDatasets): value is Dataset => typeof (value as Dataset).get === 'function';
