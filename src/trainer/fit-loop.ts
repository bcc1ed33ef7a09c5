/**
 * The fit loop. It reads as the table of hooks in core/hooks.ts does; how a batch is trained on, when validation is due
 * and what is written where is told in the files beside this one.
 */
import { disposeTensors } from '../core/tensors.ts';
import { validateWhileFitting } from './evaluation-loop.ts';
import { type BatchSource, emptyLoader, iterate, release } from './loaders.ts';
import type { Session } from './session.ts';
import { trainOnBatch } from './training-step.ts';
import { validationDue } from './validation-schedule.ts';

/** Trains until the limits are reached or somebody stops it. */
export async function fitLoop(session: Session, train: BatchSource): Promise<void> {
  const { hooks, progress, optimization, desk } = session;
  await hooks.fire('trainStart');
  while (!session.isDone) {
    train.loader.setEpoch?.(progress.epoch);
    if (progress.epochBatch === 0) await hooks.fire('trainEpochStart');
    await trainEpoch(session, train);
    if (session.interrupted) break;
    desk.books.train.epochEnded = true;
    session.epochEnded = true;
    await hooks.fire('trainEpochEnd');
    optimization.afterMetrics('epoch', progress.epoch + 1, () => desk.callbackMetrics);
    desk.write(desk.books.train.epochRow(), session.rowStep, progress.epoch);
    desk.closeEpoch('train');
    session.beginNextEpoch();
    await desk.save();
  }
  if (session.interrupted) await hooks.fire('interrupt');
  await hooks.fire('trainEnd');
}

/** One epoch, or what a resumed run has left of it. */
async function trainEpoch(session: Session, train: BatchSource): Promise<void> {
  const { hooks, progress, optimization, desk } = session;
  const before = progress.epochBatch;
  for await (const { batch, batchIdx, isLast } of iterate(train, { skip: before })) {
    session.isLastBatch = isLast;
    desk.atBatch(batch, progress.globalBatch);
    const stepsBefore = progress.optimizerStep;
    let output = {};
    try {
      if ((await hooks.fire('trainBatchStart', batch, batchIdx)) === -1) return;
      output = await trainOnBatch(session, batch, batchIdx, isLast);
      if (progress.optimizerStep > stepsBefore) optimization.afterOptimizerStep(progress.optimizerStep);
      if (isLast) optimization.afterLastBatch(progress.epoch);
      session.countBatch();
      await hooks.fire('trainBatchEnd', output, batch, batchIdx);
      session.writeStepRow();
    } finally {
      disposeTensors(output);
      release(train, batch);
    }
    if (validationDue(session)) await validateWhileFitting(session);
    if (progress.optimizerStep > stepsBefore)
      optimization.afterMetrics('step', progress.optimizerStep, () => desk.callbackMetrics);
    await session.breathe();
    if (session.leavesEpoch) return;
  }
  if (progress.epochBatch === before && before === 0) throw emptyLoader(train, progress.epoch);
}
