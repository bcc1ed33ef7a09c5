/** What a running trainer is to its module, and what the module's steps hand over. */
import type { Callback, Gradients, LogOptions, LogValue, TrainerView } from '../core/contracts.ts';
import type * as tf from '../core/tf.ts';
import type { LRScheduler, Optimizer, ReduceLROnPlateau } from '../optim/index.ts';
import type { BatchTransferHooks } from './batch-transfer.ts';
import type { DataModuleLoaders } from './data-module.ts';

/**
 * What a training step may return: the loss; an object with it; with several optimizers `{ losses }`, a loss for each by
 * the optimizer's name; or nothing, which skips the batch.
 */
export type StepResult =
  | tf.Tensor
  | { readonly loss: tf.Tensor; readonly [extra: string]: unknown }
  | { readonly losses: Readonly<Record<string, tf.Tensor>>; readonly [extra: string]: unknown }
  | undefined
  | void;

/** How gradients are clipped: the trainer's flags `gradientClipVal` and `gradientClipAlgorithm`. */
export interface GradientClipping {
  readonly value: number | undefined;
  readonly algorithm: 'norm' | 'value';
}

/** An optimizer in the hands of a module that steps it itself: see `LightningModule.automaticOptimization`. */
export interface ManualOptimizer {
  /** Its name in `configureOptimizers`, or its place there: `'0'`. */
  readonly name: string;
  readonly optimizer: Optimizer;
  /** Learning rate of the first parameter group. */
  lr: number;
  /** Steps that this optimizer has taken, resumed runs included. */
  readonly stepCount: number;
  /** Moves the parameters. Calls `onBeforeOptimizerStep` first, whose receivers must be synchronous here. */
  step(gradients: Gradients): void;
}

/** What a running trainer is to its module. */
export interface ModuleHost {
  readonly trainer: TrainerView;
  log(name: string, value: LogValue, options: LogOptions): void;
  /** Of a module with `automaticOptimization = false`, while it is trained. */
  manual(): {
    readonly optimizers: readonly ManualOptimizer[];
    readonly schedulers: readonly (LRScheduler | ReduceLROnPlateau)[];
    backward(loss: () => tf.Tensor, optimizer: ManualOptimizer | undefined): Gradients;
  };
}

/** The steps that a module may have, beside the training step that it must have. */
export interface ModuleSteps<B> extends BatchTransferHooks {
  /** Downloads or makes the data, at the very beginning of a run. */
  prepareData?(): void | Promise<void>;
  /** The training loader, or several, for a `fit` that is given none and whose data module has none. */
  trainDataloader?(): DataModuleLoaders | Promise<DataModuleLoaders>;
  valDataloader?(): DataModuleLoaders | Promise<DataModuleLoaders>;
  testDataloader?(): DataModuleLoaders | Promise<DataModuleLoaders>;
  predictDataloader?(): DataModuleLoaders | Promise<DataModuleLoaders>;
  /** What the network computes. Used by `predictStep` unless that is overridden. */
  forward?(...inputs: never[]): unknown;
  /** One validation batch: log metrics, return whatever `onValidationBatchEnd` should see. */
  validationStep?(batch: B, batchIdx: number, dataloaderIdx: number): unknown;
  /** One test batch. */
  testStep?(batch: B, batchIdx: number, dataloaderIdx: number): unknown;
  /** Builds parts of the module late, when the engine runs. Called once in the life of a module. */
  configureModel?(): void | Promise<void>;
  /** Callbacks that belong to the module; one of a class that the trainer has already replaces the trainer's. */
  configureCallbacks?(): Callback | readonly Callback[];
}
