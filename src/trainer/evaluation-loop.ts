/** The evaluation loop: validation, within `fit` and on its own, the sanity check before training, and test. */

import type { LogHook } from '../core/hooks.ts';
import { globalRandom, withIsolatedRandom } from '../core/seed.ts';
import { disposeTensors } from '../core/tensors.ts';
import { rememberModes } from '../module/lifecycle.ts';
import { type BatchSource, emptyLoader, iterate, release } from './loaders.ts';
import { runStep } from './outputs.ts';
import type { Session } from './session.ts';

/** What is evaluated, which is also how its hooks begin. */
export type EvaluationKind = 'validation' | 'test';

/**
 * Evaluates all batches of all sources and returns the metrics of the epoch, one record per source; `undefined` when
 * Ctrl-C came in between: half an evaluation is none, and is done anew when the run is resumed.
 */
export async function evaluationLoop(
  session: Session,
  kind: EvaluationKind,
  sources: readonly BatchSource[],
): Promise<Record<string, number>[] | undefined> {
  const { hooks, desk, module, instruments } = session;
  const stage = kind === 'validation' ? 'validate' : 'test';
  const outerStage = desk.stage;
  const restoreModes = rememberModes(module);
  const book = desk.books[stage];
  desk.stage = stage;
  book.clear();
  session.validating = kind === 'validation';
  try {
    await hooks.fire(`${kind}ModelEval`);
    module.eval();
    await hooks.fire(`${kind}Start`);
    await hooks.fire(`${kind}EpochStart`);
    for (const [i, source] of sources.entries()) await evaluateSource(session, kind, source, i, sources.length > 1);
    if (session.interrupted) {
      book.clear();
      return undefined;
    }
    book.epochEnded = true;
    desk.atBatch(undefined, -1);
    await hooks.fire(`${kind}EpochEnd`);
    desk.write(book.epochRow(), session.rowPlace());
    session.undoneValidation = undefined;
    await hooks.fire(`${kind}End`);
    if (session.sanityChecking) instruments.ledger?.forget('evaluation');
    else instruments.ledger?.endPeriod('evaluation');
    return book.resultsBySource(sources.length);
  } finally {
    session.validating = false;
    desk.closeEpoch(stage);
    desk.stage = outerStage;
    restoreModes();
    await hooks.fire(`${kind}ModelTrain`);
  }
}

/**
 * Validation in the middle of training. What it draws from the random stream does not count: training is the same with
 * and without it.
 */
export async function validateWhileFitting(session: Session): Promise<void> {
  const { progress, desk } = session;
  const { validationBatches, validations, validatedBatch, validatedTime } = progress;
  const before = { validationBatches, validations, validatedBatch, validatedTime };
  session.undoneValidation = { progress: before, loggers: desk.loggerStates() };
  session.trainingRandom = globalRandom().state();
  progress.validations++;
  progress.validatedBatch = progress.globalBatch;
  progress.validatedTime = session.elapsed;
  try {
    const results = await session.instruments.measure('validation', 'loop', () =>
      withIsolatedRandom(() => evaluationLoop(session, 'validation', session.val)),
    );
    if (results === undefined) Object.assign(progress, before);
  } finally {
    session.trainingRandom = undefined;
  }
}

/**
 * Tries a few validation batches before training, so that a mistake there shows now and not after an epoch. It leaves no
 * trace: nothing is logged, the random stream is put back, its metrics are forgotten.
 */
export async function sanityCheck(session: Session): Promise<void> {
  const { numSanityValSteps } = session.options;
  if (numSanityValSteps === 0 || session.val.length === 0 || session.module.validationStep === undefined) return;
  const most = numSanityValSteps === -1 ? Number.POSITIVE_INFINITY : numSanityValSteps;
  const sources = session.val.map((source) => ({ ...source, count: Math.min(source.count, most) }));
  const before = session.desk.state();
  session.sanityChecking = true;
  session.desk.muted = true;
  try {
    await session.hooks.fire('sanityCheckStart');
    await session.instruments.measure('sanityCheck', 'loop', () =>
      withIsolatedRandom(() => evaluationLoop(session, 'validation', sources)),
    );
    await session.hooks.fire('sanityCheckEnd');
  } finally {
    session.sanityChecking = false;
    session.desk.muted = false;
    session.desk.restore(before);
  }
}

async function evaluateSource(
  session: Session,
  kind: EvaluationKind,
  source: BatchSource,
  dataloaderIdx: number,
  several: boolean,
): Promise<void> {
  const { hooks, desk, module, progress, instruments } = session;
  const stepName = kind === 'validation' ? 'validationStep' : 'testStep';
  const suffix = several ? `/dataloader_idx_${dataloaderIdx}` : '';
  const book = desk.books[desk.stage];
  const moduleName = `[LightningModule]${module.constructor.name}`;
  let stamp = 0;
  source.loader.setEpoch?.(progress.epoch);
  for await (const { batch: given, batchIdx } of instruments.batches(source, iterate(source))) {
    const batch = session.transfer === undefined ? given : session.transfer(source, given, dataloaderIdx);
    let output: unknown;
    const settleStep = instruments.aroundStep('evaluation', moduleName, stepName, { source, given, batch });
    try {
      desk.atBatch(batch, stamp, suffix);
      await hooks.fire(`${kind}BatchStart`, batch, batchIdx, dataloaderIdx);
      const step = (): unknown =>
        runStep(session, stepName, () => module[stepName]?.(batch as never, batchIdx, dataloaderIdx));
      const evaluated = { name: stepName as LogHook, count: source.count, batch, batchIdx, dataloaderIdx };
      output = session.compiled === undefined ? step() : session.compiled.evaluation.step(evaluated, step);
      await hooks.fire(`${kind}BatchEnd`, output, batch, batchIdx, dataloaderIdx);
      const row = kind === 'validation' ? progress.validationBatches : stamp;
      desk.write(book.stepRow(stamp), { ...session.rowPlace(row), epoch: undefined });
      stamp++;
      if (kind === 'validation' && !session.sanityChecking) progress.validationBatches++;
    } finally {
      disposeTensors(output);
      release(source, given, batch);
    }
    settleStep();
    await session.breathe();
    if (session.interrupted) return;
  }
  if (stamp === 0) throw emptyLoader(source, progress.epoch);
}
