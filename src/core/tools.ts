/**
 * What callbacks may do to a run beyond watching it: try a few training steps that leave no trace, run the training data
 * through the network without learning, train further parameters, use another loader. Types only; see trainer/tools.ts.
 */
import type { OptimizerLike } from './contracts.ts';
import type * as tf from './tf.ts';

/** A few steps of training on trial. */
export interface TrainingTrial {
  /** Optimizer steps to take. The loader is walked through again when it is too short. */
  readonly steps: number;
  /** Another loader than that of the run. */
  readonly loader?: Iterable<unknown> | AsyncIterable<unknown> | undefined;
  /**
   * The name of the optimizer whose rate is turned and whose loss is followed, where there are several. Without it, and
   * without `beforeStep`, the loss is the sum of all.
   */
  readonly optimizer?: string | undefined;
  /** Called before the step `step`, from 0, for instance to set its learning rate. */
  beforeStep?(step: number, optimizer: OptimizerLike): void;
  /** Called after a step with its mean loss; `false` ends the trial. */
  afterStep?(step: number, loss: number): boolean | void;
}

/** A parameter group to be added: its variables and their options, which are by default those of the optimizer. */
export interface AddedParamGroup {
  readonly params: readonly tf.Variable[];
  readonly lr?: number | undefined;
  readonly [option: string]: unknown;
}

/** The tools of a running fit. */
export interface TrainerTools {
  /**
   * Trains on trial, from `onFitStart` on: no hooks, nothing logged or counted, and afterwards weights, optimizer and
   * random stream are what they were, also when it throws.
   */
  tryTraining(trial: TrainingTrial): Promise<void>;
  /**
   * Runs the training step on every batch of an epoch without learning from it, with the module in training mode, as
   * recomputing the statistics of batch normalization asks for. Logs nothing, uses up no random numbers. Returns the
   * number of batches.
   *
   * @param beforeBatch called before each, with its number
   */
  forwardTrainingData(beforeBatch?: (batchIdx: number) => void): Promise<number>;
  /**
   * Trains further variables from now on.
   *
   * @throws ConfigError `optimizer-without-groups` when the optimizer cannot take another group
   */
  addParamGroup(group: AddedParamGroup): void;
  /** Trains on this loader instead of the one that was given. Call it in `onFitStart`. */
  useTrainLoader(loader: Iterable<unknown> | AsyncIterable<unknown>): void;
}
