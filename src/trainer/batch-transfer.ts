/** Passes batches through the transfer hooks of the data module and the module; there is nothing to call without them. */
import { visitTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { type BatchTransferHooks, TRANSFER_HOOKS } from '../module/batch-transfer.ts';
import { type BatchSource, release } from './loaders.ts';
import { refusePromise } from './outputs.ts';

/** Makes of a loader's batch the one that the step gets. What it makes goes to `release` together with the given batch. */
export type BatchTransfer = (source: BatchSource, batch: unknown, dataloaderIdx: number) => unknown;

type Transfer = (batch: unknown, dataloaderIdx: number) => unknown;

/**
 * The transfer of a run: for each hook the data module's own, else the module's. `undefined` when nobody has one.
 *
 * @throws ConfigError `asynchronous-step`, from the function that it returns, when a hook returns a promise
 */
export function batchTransfer(
  module: BatchTransferHooks,
  datamodule: BatchTransferHooks | undefined,
): BatchTransfer | undefined {
  const hooks = TRANSFER_HOOKS.flatMap((name): Transfer[] => {
    const owner = datamodule?.[name] === undefined ? module : datamodule;
    const hook = owner[name];
    if (hook === undefined) return [];
    return [(batch, i) => refusePromise(`${owner.constructor.name}.${name}`, hook.call(owner, batch, i))];
  });
  if (hooks.length === 0) return undefined;
  return (source, given, dataloaderIdx) => {
    let batch = given;
    try {
      tf.tidy(() => {
        for (const hook of hooks) batch = hook(batch, dataloaderIdx);
        visitTensors(batch, (tensor) => tf.keep(tensor));
      });
      return batch;
    } catch (error) {
      release(source, given);
      throw error;
    }
  };
}
