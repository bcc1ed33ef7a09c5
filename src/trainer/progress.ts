/** The counters of training. Each has a name of its own; together they say exactly where a run stands. */

/** Where training stands. */
export interface ProgressState {
  /** Completed epochs, which is the zero-based number of the running one. */
  epoch: number;
  /** Batches of the running epoch that have been trained on. */
  epochBatch: number;
  /** Batches trained on, over all epochs. */
  globalBatch: number;
  /** Optimizer steps taken. */
  optimizerStep: number;
  /** Batches that closed an accumulation window: the x axis of training rows is this count, less one. */
  closedWindows: number;
  /** Validation batches seen outside the sanity check: the x axis of per-step validation rows. */
  validationBatches: number;
  /** Validation runs that training has begun. */
  validations: number;
  /** `globalBatch` at the last validation: a resumed run sees by it whether the one that is due was done. */
  validatedBatch: number;
  /** `globalBatch` at the last `trainBatchesEnd`: no run calls it a second time for the same batch. */
  endedBatch: number;
  /** Training samples seen. A batch whose size cannot be told counts as one. */
  samples: number;
  /** Milliseconds spent in `fit` before this call. */
  elapsed: number;
  /** Milliseconds of training at the last validation: what a `valCheckInterval` in time goes by. */
  validatedTime: number;
}

/** The counters of a run that has not begun. */
export function newProgress(): ProgressState {
  return {
    epoch: 0,
    epochBatch: 0,
    globalBatch: 0,
    optimizerStep: 0,
    closedWindows: 0,
    validationBatches: 0,
    validations: 0,
    validatedBatch: 0,
    endedBatch: 0,
    samples: 0,
    elapsed: 0,
    validatedTime: 0,
  };
}
