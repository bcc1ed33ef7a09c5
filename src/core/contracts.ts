/**
 * What the layers know of one another: the shapes of trainer, module, callback, logger and optimizer as the others see
 * them. Types only; the classes that fill them live in their own folders.
 */
import type { CallbackHooks } from './hooks.ts';
import type { ProfilerLike } from './profiling.ts';
import type * as tf from './tf.ts';
import type { TrainerTools } from './tools.ts';

/** Which of the trainer's methods is running. */
export type RunStage = 'fit' | 'validate' | 'test' | 'predict';

/** How a run stands. `stopped`: a callback or the module asked for the end; `interrupted`: Ctrl-C. */
export type RunStatus = 'idle' | 'running' | 'finished' | 'stopped' | 'interrupted' | 'failed';

/** Gradients by variable name, as `tf.variableGrads` gives them. */
export type Gradients = Readonly<Record<string, tf.Tensor>>;

/** What a training step leaves for `onTrainBatchEnd`: the loss and whatever else the step returned, or nothing at all. */
export type StepOutput = { readonly loss?: tf.Scalar; readonly [extra: string]: unknown };

/** A value that can be logged: a number, a boolean, or a tensor with one element (which is not read until it is due). */
export type LogValue = number | boolean | tf.Tensor;

/** How the values of an epoch become one. `mean` is weighted by batch size. */
export type Reduction = 'mean' | 'sum' | 'min' | 'max';

/**
 * What a metric is plotted against: `step`, the zero-based count of closed accumulation windows; `epoch`, the zero-based
 * epoch; `sample`, the training samples seen; `time`, the milliseconds trained, resumed runs included.
 */
export type XAxis = 'step' | 'epoch' | 'sample' | 'time';

/** Where a row stands on an axis of its own. */
export interface RowAxis {
  readonly name: Exclude<XAxis, 'step'>;
  readonly x: number;
  /** The epoch of the row, where it belongs to one. */
  readonly epoch: number | undefined;
}

/** How a value is logged. */
export interface LogOptions {
  /** Show it in the progress bar. Default `false`. */
  progBar?: boolean | undefined;
  /** Hand it to the loggers. Default `true`. */
  logger?: boolean | undefined;
  /** Log the value of each step. The default depends on the hook: `true` in training steps, else `false`. */
  onStep?: boolean | undefined;
  /** Log the reduced value of the epoch. The default depends on the hook: `false` in training steps, else `true`. */
  onEpoch?: boolean | undefined;
  /** Default `'mean'`. */
  reduceFx?: Reduction | undefined;
  /** The weight of this value in a mean. Default: the size of the batch's first tensor along its first axis. */
  batchSize?: number | undefined;
  /**
   * The x axis of the metric. Default: the module's `defaultXAxis`, `'step'`. With `'epoch'` it is that of the epoch's
   * value; values of single steps stay on `'step'`.
   */
  xAxis?: XAxis | undefined;
  /** Append `/dataloader_idx_n` when there are several evaluation loaders. Default `true`. */
  addDataloaderIdx?: boolean | undefined;
}

/** Plain data that survives JSON: what callbacks and modules put into a checkpoint. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A record of JSON values. */
export type JsonObject = { readonly [key: string]: Json };

/** Hyper-parameters, as they are logged and saved. */
export type HyperParameters = { readonly [name: string]: Json | undefined };

/** Everything that a checkpoint holds, as the `saveCheckpoint` and `loadCheckpoint` hooks see it. */
export interface Checkpoint {
  /** JSON part: counters, callbacks, schedulers, random streams. Hooks may add keys of their own under `user`. */
  readonly state: { [key: string]: Json } & { user: { [key: string]: Json } };
  /** Tensor part, by name: `model/…`, `optimizer/…`. Data is on the host. */
  readonly tensors: Map<string, SavedTensor>;
}

/** A tensor's content outside any engine, as a checkpoint holds it. */
export interface SavedTensor {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** What hooks see of an optimizer. */
export interface OptimizerLike {
  /** Learning rate of the first parameter group. */
  lr: number;
  readonly paramGroups: readonly { readonly params: readonly tf.Variable[]; lr: number }[];
}

/** What callbacks and loggers see of a module. */
export interface ModuleView {
  /** False when the module steps its optimizers itself. */
  readonly automaticOptimization: boolean;
  readonly training: boolean;
  readonly hparams: HyperParameters;
  log(name: string, value: LogValue, options?: LogOptions): void;
  logDict(values: Readonly<Record<string, LogValue>>, options?: LogOptions): void;
  parameters(): tf.Variable[];
  namedVariables(): Map<string, tf.Variable>;
  submodules(): {
    readonly name: string;
    readonly type: string;
    /** 0 for the module's fields, 1 for the layers of a model in them, and so on. */
    readonly depth: number;
    readonly variables: readonly tf.Variable[];
    /** Those of them that are trained. */
    readonly trained: readonly tf.Variable[];
    readonly outputShape: string;
    /** Multiply-accumulates for one sample; `undefined` when they cannot be told. */
    readonly macs: number | undefined;
  }[];
}

/** Values by metric name. */
export type Metrics = Readonly<Record<string, number>>;

/** Where metrics go: TensorBoard, a csv file, memory. */
export interface LoggerLike {
  /** The directory of this run, where the logger has one. */
  readonly logDir?: string | undefined;
  /** Takes a row. `axis` is given when its metrics have another x axis than the step. */
  logMetrics(metrics: Metrics, step: number, axis?: RowAxis): void;
  logHyperparams?(hparams: HyperParameters, metrics?: Metrics): void;
  /** The run begins: the network that is trained, for loggers that can draw it. */
  logGraph?(module: ModuleView): void;
  /** Called where it is cheap to wait: at the end of an epoch and of the run. */
  save?(): void | Promise<void>;
  /** The run has ended; the logger closes its files. It may be used by a later run again. */
  finalize?(status: 'success' | 'failed' | 'interrupted'): void | Promise<void>;
  /** The state that must survive a resume. */
  stateDict?(): JsonObject;
  loadStateDict?(state: JsonObject, resumeStep: number): void;
}

/** The read-only view of the trainer that callbacks and modules get. Only `shouldStop` can be set. */
export interface TrainerView {
  readonly stage: RunStage | undefined;
  readonly status: RunStatus;
  /** True while the few validation batches before training run. */
  readonly sanityChecking: boolean;
  /** True while validation batches run, in `fit` as well as in `validate`. */
  readonly validating: boolean;
  /** Zero-based number of the running epoch; after it, the number of completed epochs. */
  readonly currentEpoch: number;
  /** Optimizer steps taken so far. */
  readonly globalStep: number;
  /** Training batches seen so far, over all epochs. */
  readonly globalBatch: number;
  /** The x value of the last logged training row: zero-based count of the batches that closed an accumulation window. */
  readonly loggedStep: number;
  readonly maxEpochs: number;
  readonly maxSteps: number;
  /** Batches of a training epoch; `Infinity` when the loader has no length. */
  readonly numTrainingBatches: number;
  /** Batches of the validation loaders; empty without them. */
  readonly numValBatches: readonly number[];
  readonly numTestBatches: readonly number[];
  readonly numPredictBatches: readonly number[];
  /** Optimizer steps of the whole fit; `Infinity` when neither epochs nor steps are limited. */
  readonly estimatedSteppingBatches: number;
  /** Batches whose gradients make one optimizer step. It can be changed while training. */
  accumulateGradBatches: number;
  /** Validation runs that training has begun, the one that is going on included. */
  readonly validations: number;
  readonly logEveryNSteps: number;
  readonly fastDevRun: boolean;
  readonly isLastBatch: boolean;
  /** Validation runs at the end of every epoch and at no other time (or not at all). */
  readonly validatesAtEpochEnd: boolean;
  /** Set it to end the run after the current batch. */
  shouldStop: boolean;
  /** All metrics logged so far, read back when asked for. */
  readonly callbackMetrics: Metrics;
  readonly loggedMetrics: Metrics;
  readonly progressBarMetrics: Metrics;
  readonly loggers: readonly LoggerLike[];
  readonly callbacks: readonly Callback[];
  readonly optimizers: readonly OptimizerLike[];
  /** Learning rates by display name: `lr-Adam`, `lr-SGD/pg1`. */
  readonly learningRates: Metrics;
  readonly defaultRootDir: string;
  /** The directory of the run: the first logger's, else the root directory. */
  readonly logDir: string;
  /** Measures how long things take; measures nothing unless the flag `profiler` is set. */
  readonly profiler: ProfilerLike;
  /** What a callback may do to a running fit beyond watching it. */
  readonly tools: TrainerTools;
  /** Writes a checkpoint of everything, whole or not at all. */
  saveCheckpoint(path: string, options?: { weightsOnly?: boolean | undefined }): Promise<void>;
  /**
   * Writes rows of metrics to the loggers, past `log()`: for callbacks that have an x value of their own. They are among
   * the `callbackMetrics` from then on.
   */
  logMetrics(metrics: Metrics, step: number): void;
}

/**
 * A callback: an object with any of the hooks of the table, called in its order. `Callback<Batch>` sees batches of that
 * type, and modules of the second type argument.
 *
 * @example
 * ```ts
 * const shout: Callback = { onTrainEnd: (trainer) => console.log('done after', trainer.globalStep, 'steps') };
 * const shapes: Callback<{ x: tf.Tensor }> = { onTrainBatchStart: (_trainer, _module, { x }) => console.log(x.shape) };
 * ```
 */
export interface Callback<B = unknown, M extends ModuleView = ModuleView> extends CallbackHooks<TrainerView, M, B> {
  /** Distinguishes two callbacks of one class in a checkpoint. Default: the class name. */
  readonly stateKey?: string | undefined;
  /** `'monitor'`: sees what the module logs at the end of an epoch; `'checkpoint'`: that, and comes last in every hook. */
  readonly role?: 'monitor' | 'checkpoint' | 'progressBar' | 'summary' | undefined;
  /**
   * The metrics that it logs, for `trainer.check`, which calls no callbacks: `['val_kappa']`; a name that ends in `*` stands
   * for all that begin so.
   */
  readonly metricNames?: readonly string[] | undefined;
  /** What has to survive a resume. */
  stateDict?(): JsonObject;
  loadStateDict?(state: JsonObject): void;
}
