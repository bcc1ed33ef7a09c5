/** The class that bundles a data set's loaders with how the data is got and prepared. */
import type { RunStage } from '../core/contracts.ts';

/** Loaders as a data module gives them: anything the trainer can iterate over, one or several. */
export type DataModuleLoaders = object | readonly object[];

/**
 * Data and its loaders, apart from the model. The trainer calls `prepareData`, `setup`, the loaders it needs, `teardown`.
 *
 * @example
 * ```ts
 * class Digits extends LightningDataModule {
 *   #data?: Awaited<ReturnType<typeof mnist>>;
 *   override async prepareData() { this.#data = await mnist(); }
 *   override trainDataloader() { return new DataLoader(this.#data.train, { batchSize: 128, shuffle: true }); }
 * }
 * ```
 */
export abstract class LightningDataModule {
  /** Downloads or makes the data. */
  prepareData(): void | Promise<void> {}
  /** Opens the data for a stage. */
  setup(_stage: RunStage): void | Promise<void> {}
  trainDataloader(): DataModuleLoaders | Promise<DataModuleLoaders> | undefined {
    return undefined;
  }
  valDataloader(): DataModuleLoaders | Promise<DataModuleLoaders> | undefined {
    return undefined;
  }
  testDataloader(): DataModuleLoaders | Promise<DataModuleLoaders> | undefined {
    return undefined;
  }
  predictDataloader(): DataModuleLoaders | Promise<DataModuleLoaders> | undefined {
    return undefined;
  }
  /** Closes what `setup` opened. */
  teardown(_stage: RunStage): void | Promise<void> {}
  /** Something threw while this module's data was in use. */
  onException(_error: unknown): void | Promise<void> {}
}
