/** Training on trial: a few steps, after which everything is as it was before. */
import type { Gradients } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { withIsolatedRandom } from '../core/seed.ts';
import { batchSizeOf, disposeTensors, isPlainObject, readScalar, share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { TrainingTrial } from '../core/tools.ts';
import { rememberModes } from '../module/lifecycle.ts';
import { AccumulationWindow } from './accumulation.ts';
import { type BatchSource, emptyLoader, iterate, release } from './loaders.ts';
import type { Session } from './session.ts';
import { explainStepError } from './step-errors.ts';
import { dropTape } from './tape.ts';

/**
 * Trains for some steps of `source` and puts everything back.
 *
 * @throws ConfigError `manual-optimization`, `several-optimizers`: a trial turns one rate and follows one loss
 */
export async function tryTraining(session: Session, trial: TrainingTrial, source: BatchSource): Promise<void> {
  refuseOthers(session);
  const putBack = remember(session);
  session.module.train();
  try {
    await withIsolatedRandom(() => withoutLogging(session, () => steps(session, trial, source)));
  } finally {
    putBack();
  }
}

/** Runs `body` and drops what it logs. */
export async function withoutLogging<T>({ desk }: Session, body: () => Promise<T>): Promise<T> {
  desk.deaf = true;
  try {
    return await body();
  } finally {
    desk.deaf = false;
  }
}

async function steps(session: Session, trial: TrainingTrial, source: BatchSource): Promise<void> {
  const { optimizer } = session.optimization;
  const window = new AccumulationWindow();
  const losses: number[] = [];
  let step = 0;
  try {
    for (let pass = 0; step < trial.steps; pass++) {
      source.loader.setEpoch?.(session.progress.epoch + pass);
      const before = step;
      for await (const { batch: given, batchIdx, isLast } of iterate(source)) {
        const batch = session.transfer === undefined ? given : session.transfer(source, given, 0);
        try {
          if (losses.length === 0) trial.beforeStep?.(step, optimizer);
          losses.push(gather(session, window, batch, batchIdx));
        } finally {
          release(source, given, batch);
        }
        await session.breathe();
        if (losses.length < session.accumulateGradBatches && !isLast) continue;
        update(session, window, batchIdx);
        const loss = losses.reduce((a, b) => a + b) / losses.length;
        losses.length = 0;
        if (trial.afterStep?.(step, loss) === false) return;
        if (++step >= trial.steps || session.interrupted) return;
      }
      if (step === before) throw emptyLoader(source, session.progress.epoch + pass);
    }
  } finally {
    window.clear();
  }
}

/** Forward and backward pass of one batch. Returns its loss; NaN for a batch that the step passed over. */
function gather(session: Session, window: AccumulationWindow, batch: unknown, batchIdx: number): number {
  const { module, optimization } = session;
  let skipped = false;
  const forward = (): tf.Scalar => {
    const result: unknown = module.trainingStep(batch as never, batchIdx);
    const loss = isPlainObject(result) ? result.loss : result;
    skipped = !(loss instanceof tf.Tensor);
    if (skipped) throw new SkippedBatch();
    return tf.reshape(loss as tf.Tensor, []);
  };
  try {
    const { value, grads } = tf.tidy(() => tf.variableGrads(forward, optimization.parameters));
    const present = Object.entries(grads).filter(([, gradient]) => gradient !== null);
    window.add(Object.fromEntries(present), batchSizeOf(batch) ?? 1, { single: false });
    const loss = readScalar(value);
    value.dispose();
    return loss;
  } catch (error) {
    dropTape();
    if (error instanceof SkippedBatch) return Number.NaN;
    throw explainStepError(error, module.constructor.name);
  }
}

class SkippedBatch extends Error {}

function update(
  { module, optimization, options, progress }: Session,
  window: AccumulationWindow,
  batchIdx: number,
): void {
  if (window.batches === 0) return;
  const gradients: Gradients = window.close();
  const { optimizer } = optimization;
  try {
    tf.tidy(() => {
      const clipping = { value: options.gradientClipVal, algorithm: options.gradientClipAlgorithm };
      const clipped = module.configureGradientClipping(optimizer, gradients, clipping);
      module.optimizerStep(progress.epoch, batchIdx, optimizer, () => optimizer.step(clipped));
    });
  } finally {
    disposeTensors(gradients);
  }
}

function refuseOthers({ module, optimization }: Session): void {
  const { length } = optimization.all;
  if (module.automaticOptimization && length === 1) return;
  throw new ConfigError('Training on trial (LearningRateFinder, BatchSizeFinder)', {
    code: module.automaticOptimization ? 'several-optimizers' : 'manual-optimization',
    expected: 'a module with one optimizer, stepped by the trainer',
    got: module.automaticOptimization
      ? `${module.constructor.name}, which has ${length}`
      : `${module.constructor.name}, which optimizes by hand`,
    help: 'set the learning rates or the batch size by hand',
  });
}

/** Remembers weights, optimizer and mode. The returned function puts them back. */
function remember({ module, optimization, train, progress }: Session): () => void {
  const { optimizer } = optimization;
  const restoreModes = rememberModes(module);
  const weights = [...module.namedVariables().values()].map(
    (variable) => [variable, share(variable as tf.Tensor)] as const,
  );
  const { tensors, ...rest } = optimizer.stateDict();
  const slots = Object.fromEntries(
    Object.entries(tensors).map(([name, own]) => [
      name,
      Object.fromEntries(Object.entries(own).map(([slot, tensor]) => [slot, share(tensor)])),
    ]),
  );
  return () => {
    for (const [variable, weight] of weights) {
      variable.assign(weight);
      weight.dispose();
    }
    optimizer.loadStateDict({ ...rest, tensors: slots });
    disposeTensors(slots);
    restoreModes();
    train?.loader.setEpoch?.(progress.epoch);
  };
}
