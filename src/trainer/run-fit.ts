/** How `fit` sets the stage for its loop: optimizer, checkpoint, loaders, checks, sanity check, and the end of it all. */
import type { Callback, Metrics, RunStatus, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { AnomalyWatch } from '../engine/anomalies.ts';
import { configureOnce } from '../module/lifecycle.ts';
import { restoreWeights } from '../module/weights.ts';
import { checkResumable, restoreLoggers, restoreTraining } from './checkpoint-state.ts';
import { compiledTraining } from './compile/compiled-training.ts';
import { requestLoaders } from './data-request.ts';
import { allHyperparameters, restoreDataModule, savedLoaderRequest } from './data-state.ts';
import { sanityCheck } from './evaluation-loop.ts';
import { fitLoop } from './fit-loop.ts';
import type { ResolvedData } from './inputs.ts';
import { isDone } from './limits.ts';
import { refuseAutomaticFlags } from './manual-step.ts';
import { Optimization } from './optimization.ts';
import { goOnFrom, pauseOf } from './pause.ts';
import { resolveCheckpoint } from './resume.ts';
import type { Session } from './session.ts';
import { listenForSignals } from './signals.ts';

/** How a fit ended. */
export interface FitResult {
  /** `'finished'`, `'stopped'` by a callback or the module, or `'interrupted'` by Ctrl-C. */
  readonly status: RunStatus;
  /** Completed epochs, optimizer steps and batches, earlier fits and the resumed run included. */
  readonly epochs: number;
  readonly steps: number;
  readonly batches: number;
  /** The last value of each metric. */
  readonly metrics: Metrics;
}

/** Everything that `fit` does between `setup` and `teardown`. */
export async function runFit(
  trainer: TrainerView,
  session: Session,
  callbacks: readonly Callback[],
  data: ResolvedData,
): Promise<Omit<FitResult, 'status'>> {
  const { module, hooks, options, progress, desk } = session;
  if (!module.automaticOptimization) refuseAutomaticFlags(module.constructor.name, options);
  await configureOnce(module);
  const checkpoint = await resolveCheckpoint(data.ckptPath, callbacks, trainer.logDir);
  if (checkpoint !== undefined) {
    checkResumable(checkpoint);
    restoreDataModule(session, checkpoint);
    await hooks.fire('loadCheckpoint', checkpoint);
    restoreWeights(module, checkpoint, { strict: module.strictLoading });
  }
  await requestLoaders(session, checkpoint ? savedLoaderRequest(checkpoint) : session.pause?.loaderRequest);
  if (!session.hasOptimization) session.optimization = await Optimization.configure(module);
  if (!module.training) module.train();
  if (checkpoint !== undefined) restoreLoggers(session, checkpoint);
  const hparams = allHyperparameters(module, data.datamodule);
  await hooks.fire('fitStart');
  for (const logger of desk.loggers) {
    if (options.enableAutologHparams) logger.logHyperparams?.(hparams);
    logger.logGraph?.(module);
  }
  if (checkpoint !== undefined) {
    session.pause = undefined;
    restoreTraining(session, callbacks, checkpoint);
  } else if (session.pause !== undefined) goOnFrom(session, session.pause);
  checkEpochLimit(session);
  const stopListening = options.handleSignals ? listenForSignals(() => session.interrupt()) : () => {};
  if (options.detectAnomaly) session.anomalies = anomalyWatch(session);
  session.anomalies?.attach();
  try {
    if (!isDone(session) || session.unsettled !== undefined) {
      if (progress.epochBatch === 0) await sanityCheck(session);
      session.compiled = compiledTraining(session);
      session.startClock();
      await fitLoop(session);
    } else if (progress.epochBatch > 0) endAgain(session);
    await hooks.fire('fitEnd');
  } finally {
    stopListening();
    session.anomalies?.detach();
    session.stopClock();
  }
  const { epoch, optimizerStep, globalBatch } = progress;
  return { epochs: epoch, steps: optimizerStep, batches: globalBatch, metrics: desk.callbackMetrics };
}

/** Gone on from a place after an epoch that was broken off, with nothing to be done: that epoch is over, as it was before. */
function endAgain(session: Session): void {
  session.closeEpoch({ complete: false });
  session.epochRowWritten = true;
  session.pause = pauseOf(session);
  session.desk.books.train.clear();
  session.beginNextEpoch({ complete: false });
}

function anomalyWatch({ module, hooks, progress }: Session): AnomalyWatch {
  const step = (): string => (hooks.current === undefined ? 'backward pass' : hooks.current);
  return new AnomalyWatch(
    () => `${module.constructor.name}, ${step()}, epoch ${progress.epoch}, batch ${progress.epochBatch}`,
  );
}

function checkEpochLimit({ options, progress }: Session): void {
  if (options.maxEpochs === -1 || progress.epoch <= options.maxEpochs) return;
  throw new ConfigError('Trainer: option `maxEpochs`', {
    code: 'past-max-epochs',
    expected: `at least ${progress.epoch}, the epochs that the checkpoint has behind it`,
    got: String(options.maxEpochs),
    help: 'raise `maxEpochs`',
  });
}
