/** The hooks that a module or a data module may have between the loader and the step. */

/**
 * Called for each batch in this order, before `onTrainBatchStart` and its like; each is given what the one before has
 * returned. They are synchronous and run inside one tidy: the trainer disposes of what they make. A data module's own
 * go before the module's.
 *
 * @example
 * ```ts
 * class Augmented extends Net {
 *   override onAfterBatchTransfer({ x, y }: Batch) {
 *     return this.training ? { x: tf.image.flipLeftRight(x), y } : { x, y };
 *   }
 * }
 * ```
 */
export interface BatchTransferHooks {
  /** Changes a batch as the loader gave it. `dataloaderIdx` is 0 in training. */
  onBeforeBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
  /** Makes tensors of a batch of some other kind. Tensors are on the device already, so that there is no default. */
  transferBatchToDevice?(batch: unknown, dataloaderIdx: number): unknown;
  /** Changes a batch that consists of tensors: augmentation on the device, for instance. */
  onAfterBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
}

/** The names of these hooks, in calling order. */
export const TRANSFER_HOOKS = ['onBeforeBatchTransfer', 'transferBatchToDevice', 'onAfterBatchTransfer'] as const;
