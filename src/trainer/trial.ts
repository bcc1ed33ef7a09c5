/** Training on trial: a few steps, after which everything is as it was before. */
import type { Gradients } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { withIsolatedRandom } from '../core/seed.ts';
import { batchSizeOf, disposeTensors, isPlainObject, readScalar, share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { TrainingTrial } from '../core/tools.ts';
import { rememberModes } from '../module/lifecycle.ts';
import type { ResolvedOptimizer } from '../module/optimizer-config.ts';
import type { Optimizer } from '../optim/index.ts';
import { AccumulationWindow } from './accumulation.ts';
import { type BatchSource, emptyLoader, iterate, release } from './loaders.ts';
import { lossesOf, lossOf, type OptimizerLoss, withoutMissing } from './loss.ts';
import type { Session } from './session.ts';
import { anchor, SeveralGradients } from './several-losses.ts';
import { explainStepError } from './step-errors.ts';
import { dropTape } from './tape.ts';
import { gradientsOf, hasLosses } from './training-step.ts';

/**
 * Trains for some steps of `source` and puts everything back.
 *
 * @throws ConfigError `manual-optimization`; `several-optimizers` and `unknown-optimizer`: a trial that turns a rate turns
 * that of one optimizer, and follows its loss
 */
export async function tryTraining(session: Session, trial: TrainingTrial, source: BatchSource): Promise<void> {
  const tuned = chosen(session, trial);
  const putBack = remember(session);
  session.module.train();
  try {
    await withIsolatedRandom(() => withoutLogging(session, () => steps(session, trial, tuned, source)));
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

async function steps(
  session: Session,
  trial: TrainingTrial,
  tuned: ResolvedOptimizer | undefined,
  source: BatchSource,
): Promise<void> {
  const { optimizer } = tuned ?? session.optimization;
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
          losses.push(gather(session, window, tuned, batch, batchIdx));
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
function gather(
  session: Session,
  window: AccumulationWindow,
  tuned: ResolvedOptimizer | undefined,
  batch: unknown,
  batchIdx: number,
): number {
  const { module, optimization } = session;
  const { all, parameters } = optimization;
  const name = module.constructor.name;
  let losses: OptimizerLoss[] = [];
  let several: SeveralGradients | undefined;
  const forward = (): tf.Scalar => {
    const result: unknown = module.trainingStep(batch as never, batchIdx);
    if (result === undefined || result === null) throw new SkippedBatch();
    if (!isPlainObject(result) || !hasLosses(result)) return lossOf(name, result);
    losses = lossesOf(name, result.losses, all);
    several = new SeveralGradients();
    several.add(losses);
    return anchor(parameters);
  };
  const size = batchSizeOf(batch) ?? 1;
  try {
    const { value, grads } = tf.tidy(() => tf.variableGrads(forward, parameters));
    if (several === undefined) {
      window.add(withoutMissing(grads), size, { single: false });
      return readAndDispose(value);
    }
    disposeTensors([value, grads]);
    const followed = several.losses.filter((_, i) => tuned === undefined || losses[i]?.by === tuned);
    const loss = followed.length === 0 ? Number.NaN : followed.reduce((sum, each) => sum + readScalar(each), 0);
    disposeTensors(several.losses);
    window.add(several.gradients, size, { single: false });
    return loss;
  } catch (error) {
    dropTape();
    several?.dispose();
    if (error instanceof SkippedBatch) return Number.NaN;
    throw explainStepError(error, name);
  }
}

function readAndDispose(loss: tf.Scalar): number {
  const value = readScalar(loss);
  loss.dispose();
  return value;
}

class SkippedBatch extends Error {}

function update(
  { module, optimization, options, progress }: Session,
  window: AccumulationWindow,
  batchIdx: number,
): void {
  if (window.batches === 0) return;
  const gradients: Gradients = window.close();
  const clipping = { value: options.gradientClipVal, algorithm: options.gradientClipAlgorithm };
  try {
    for (const each of optimization.all) {
      const { optimizer } = each;
      const own = optimization.all.length === 1 ? gradients : gradientsOf(each, gradients);
      if (own === undefined) continue;
      tf.tidy(() => {
        const clipped = module.configureGradientClipping(optimizer, own, clipping);
        module.optimizerStep(progress.epoch, batchIdx, optimizer, () => optimizer.step(clipped));
      });
    }
  } finally {
    disposeTensors(gradients);
  }
}

/** The optimizer whose rate is turned; `undefined` when that of none is. */
function chosen({ module, optimization }: Session, trial: TrainingTrial): ResolvedOptimizer | undefined {
  const { all } = optimization;
  const owner = 'Training on trial (LearningRateFinder, BatchSizeFinder)';
  if (!module.automaticOptimization) {
    throw new ConfigError(owner, {
      code: 'manual-optimization',
      expected: 'a module that the trainer optimizes',
      got: `${module.constructor.name}, which optimizes by hand`,
      help: 'set the learning rates or the batch size by hand',
    });
  }
  const names = all.map(({ name }) => name);
  const named = all.find(({ name }) => name === trial.optimizer);
  if (trial.optimizer !== undefined && named === undefined) {
    throw new ConfigError(`${owner}: option \`optimizer\``, {
      code: 'unknown-optimizer',
      expected: `one of ${names.join(', ')}`,
      got: `'${trial.optimizer}'`,
    });
  }
  if (named !== undefined || all.length === 1) return named ?? all[0];
  if (trial.beforeStep === undefined) return undefined;
  throw new ConfigError(owner, {
    code: 'several-optimizers',
    expected: 'to be told whose learning rate is looked for',
    got: `${module.constructor.name} with the optimizers ${names.join(', ')}`,
    help: `give the finder \`optimizer: '${names[0]}'\`, and another finder for each of the others`,
  });
}

/** Remembers weights, optimizer and mode. The returned function puts them back. */
function remember({ module, optimization, train, progress }: Session): () => void {
  const restoreModes = rememberModes(module);
  const weights = [...module.namedVariables().values()].map(
    (variable) => [variable, share(variable as tf.Tensor)] as const,
  );
  const optimizers = optimization.all.map(({ optimizer }) => rememberOptimizer(optimizer));
  return () => {
    for (const [variable, weight] of weights) {
      variable.assign(weight);
      weight.dispose();
    }
    for (const putBack of optimizers) putBack();
    restoreModes();
    train?.loader.setEpoch?.(progress.epoch);
  };
}

function rememberOptimizer(optimizer: Optimizer): () => void {
  const { tensors, ...rest } = optimizer.stateDict();
  const slots = Object.fromEntries(
    Object.entries(tensors).map(([name, own]) => [
      name,
      Object.fromEntries(Object.entries(own).map(([slot, tensor]) => [slot, share(tensor)])),
    ]),
  );
  return () => {
    optimizer.loadStateDict({ ...rest, tensors: slots });
    disposeTensors(slots);
  };
}
