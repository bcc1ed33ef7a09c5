/**
 * The hooks of the table in core/hooks.ts that a module may have, written out as methods: what a class inherits from a
 * mapped type would be properties, which TypeScript does not let it override with methods. A test holds the two equal.
 */
import type { Checkpoint, Gradients, OptimizerLike, RunStage, StepOutput } from '../core/contracts.ts';
import type * as tf from '../core/tf.ts';

type Done = void | Promise<void>;

/** The hooks of a module. All are optional; when each is called stands in the table of hooks. */
export interface ModuleHookMethods<B = unknown> {
  /** A run begins, before `configureModel`. */
  setup?(stage: RunStage): Done;
  onFitStart?(): Done;
  onTrainStart?(): Done;
  onTrainEpochStart?(): Done;
  /** Return -1 to end the epoch before this batch. */
  onTrainBatchStart?(batch: B, batchIdx: number): void | -1 | Promise<void | -1>;
  /** An accumulation window opens. Synchronous. */
  onBeforeZeroGrad?(optimizer: OptimizerLike): void;
  /** Synchronous. */
  onBeforeBackward?(loss: tf.Scalar): void;
  onAfterBackward?(): Done;
  /** The gradients are not clipped yet. */
  onBeforeOptimizerStep?(optimizer: OptimizerLike, gradients: Gradients): Done;
  onTrainBatchEnd?(outputs: StepOutput, batch: B, batchIdx: number): Done;
  /** The epoch's training batches are over; its last validation is still to come. */
  onTrainBatchesEnd?(): Done;
  onValidationModelEval?(): Done;
  onValidationStart?(): Done;
  onValidationEpochStart?(): Done;
  onValidationBatchStart?(batch: B, batchIdx: number, dataloaderIdx: number): Done;
  onValidationBatchEnd?(outputs: unknown, batch: B, batchIdx: number, dataloaderIdx: number): Done;
  onValidationEpochEnd?(): Done;
  onValidationEnd?(): Done;
  onValidationModelTrain?(): Done;
  onTrainEpochEnd?(): Done;
  onTrainEnd?(): Done;
  onFitEnd?(): Done;
  onTestModelEval?(): Done;
  onTestStart?(): Done;
  onTestEpochStart?(): Done;
  onTestBatchStart?(batch: B, batchIdx: number, dataloaderIdx: number): Done;
  onTestBatchEnd?(outputs: unknown, batch: B, batchIdx: number, dataloaderIdx: number): Done;
  onTestEpochEnd?(): Done;
  onTestEnd?(): Done;
  onTestModelTrain?(): Done;
  onPredictModelEval?(): Done;
  onPredictStart?(): Done;
  onPredictEpochStart?(): Done;
  onPredictBatchStart?(batch: B, batchIdx: number, dataloaderIdx: number): Done;
  onPredictBatchEnd?(outputs: unknown, batch: B, batchIdx: number, dataloaderIdx: number): Done;
  onPredictEpochEnd?(): Done;
  onPredictEnd?(): Done;
  onPredictModelTrain?(): Done;
  /** Put what has to survive a resume into `checkpoint.state.user`. */
  onSaveCheckpoint?(checkpoint: Checkpoint): Done;
  onLoadCheckpoint?(checkpoint: Checkpoint): Done;
  /** Ctrl-C has ended the run. */
  onInterrupt?(): Done;
  onException?(error: unknown): Done;
  teardown?(stage: RunStage): Done;
}
