/**
 * The fit loop. It reads as the table of hooks in core/hooks.ts does; how a batch is trained on, when validation is due
 * and what is written where is told in the files beside this one.
 */
import type { Metrics } from '../core/contracts.ts';
import { batchSizeOf, disposeTensors } from '../core/tensors.ts';
import { reloadWhenDue } from './data-request.ts';
import { validateWhileFitting } from './evaluation-loop.ts';
import { isDone, leavesEpoch } from './limits.ts';
import { type BatchSource, emptyLoader, iterate, release } from './loaders.ts';
import { pauseOf } from './pause.ts';
import type { Session } from './session.ts';
import { trainOnBatch } from './training-step.ts';
import { validationDue } from './validation-schedule.ts';

/** Trains until the limits are reached or somebody stops it. */
export async function fitLoop(session: Session): Promise<void> {
  const { hooks, instruments } = session;
  await hooks.fire('trainStart');
  await settleResumedBatch(session);
  while (!isDone(session)) {
    await reloadWhenDue(session);
    const train = session.train as BatchSource;
    const complete = await instruments.measure('trainEpoch', 'loop', () => trainEpoch(session, train));
    if (session.interrupted) break;
    await endEpoch(session, complete);
  }
  session.pause = pauseOf(session);
  if (session.interrupted) await hooks.fire('interrupt');
  await hooks.fire('trainEnd');
}

/** One epoch, or what a resumed run has left of it. False when it was broken off before its last batch. */
async function trainEpoch(session: Session, train: BatchSource): Promise<boolean> {
  const { hooks, progress, optimization, desk, options, instruments, module } = session;
  const { epoch, epochBatch: skip } = progress;
  const moduleName = `[LightningModule]${module.constructor.name}`;
  session.openEpoch();
  train.loader.setEpoch?.(options.overfitBatches === undefined ? epoch : 0);
  if (skip === 0) await hooks.fire('trainEpochStart');
  for await (const { batch: given, batchIdx, isLast } of instruments.batches(train, iterate(train, { skip }))) {
    const batch = session.transfer === undefined ? given : session.transfer(train, given, 0);
    session.isLastBatch = isLast;
    desk.atBatch(batch, progress.globalBatch);
    const stepsBefore = progress.optimizerStep;
    const settleStep = instruments.aroundStep('batch', moduleName, 'trainingStep', { source: train, given, batch });
    let output = {};
    try {
      if ((await hooks.fire('trainBatchStart', batch, batchIdx)) === -1) return true;
      output = await instruments.measure('trainBatch', 'loop', () => trainOnBatch(session, batch, batchIdx, isLast));
      const stepped = progress.optimizerStep > stepsBefore;
      if (stepped) optimization.after('step', progress.optimizerStep);
      optimization.after('batch', progress.globalBatch + 1);
      if (isLast) optimization.after('epoch', epoch + 1);
      session.countBatch({ stepped }, batchSizeOf(batch) ?? 1);
      await hooks.fire('trainBatchEnd', output, batch, batchIdx);
      session.writeStepRow();
    } finally {
      disposeTensors(output);
      release(train, given, batch);
    }
    settleStep();
    if (session.windowBatch === 0) instruments.ledger?.endPeriod('batch');
    await settleBatch(session);
    await session.breathe();
    if (leavesEpoch(session)) return isLast;
  }
  if (progress.epochBatch === 0) throw emptyLoader(train, epoch);
  return true;
}

/** A checkpoint that was made right after a batch goes on with what follows it, the end of the epoch included. */
async function settleResumedBatch(session: Session): Promise<void> {
  if (session.unsettled === undefined) return;
  if (session.owesRow) session.writeStepRow();
  await settleBatch(session);
  if (!session.interrupted && leavesEpoch(session)) await endEpoch(session, session.isLastBatch);
}

/** What follows a batch: validation, and the schedulers that wait for it. A resumed run may begin with it. */
async function settleBatch(session: Session): Promise<void> {
  const { unsettled, progress, optimization, desk } = session;
  if (unsettled === undefined) return;
  if (session.isLastBatch || leavesEpoch(session)) await endBatches(session);
  if (validationDue(session)) await validateWhileFitting(session);
  if (session.interrupted) return;
  const metrics = (): Metrics => desk.callbackMetrics;
  if (unsettled.stepped) optimization.afterMetrics('step', progress.optimizerStep, metrics);
  optimization.afterMetrics('batch', progress.globalBatch, metrics);
  if (progress.validatedBatch === progress.globalBatch) {
    optimization.after('validation', progress.validations);
    optimization.afterMetrics('validation', progress.validations, metrics);
  }
  session.unsettled = undefined;
}

/** The batches of an epoch are over: said once, before the validation that ends it where there is one. */
async function endBatches({ hooks, progress, interrupted }: Session): Promise<void> {
  if (interrupted || progress.endedBatch === progress.globalBatch) return;
  progress.endedBatch = progress.globalBatch;
  await hooks.fire('trainBatchesEnd');
}

/** An epoch without validation: metrics of an earlier one are old, and say nothing about this epoch. */
function awaitsValidation({ progress, val, module }: Session): boolean {
  const validated = progress.validatedBatch > progress.globalBatch - progress.epochBatch;
  return !validated && val.length > 0 && module.validationStep !== undefined;
}

/** The end of an epoch, also of one that was broken off. */
async function endEpoch(session: Session, complete: boolean): Promise<void> {
  const { hooks, progress, optimization, desk } = session;
  const { train: book } = desk.books;
  await endBatches(session);
  session.closeEpoch({ complete });
  book.epochEnded = true;
  hooks.settleEpoch = () => {
    const metrics = (): Metrics => (awaitsValidation(session) ? book.callbackMetrics() : desk.callbackMetrics);
    const mayMiss = awaitsValidation(session);
    if (complete) optimization.afterMetrics('epoch', progress.epoch + 1, metrics, { mayMiss });
    desk.write(book.epochRow(), session.rowPlace());
    session.epochRowWritten = true;
  };
  await hooks.fire('trainEpochEnd');
  desk.closeEpoch('train');
  session.beginNextEpoch({ complete });
  session.instruments.ledger?.endPeriod('epoch');
  await desk.save();
}
