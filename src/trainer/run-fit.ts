/** How `fit` sets the stage for its loop: optimizer, checkpoint, loaders, checks, sanity check, and the end of it all. */
import type { Callback, Metrics, RunStatus, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { configureOnce } from '../module/lifecycle.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { checkResumable, restoreLoggers, restoreTraining } from './checkpoint-state.ts';
import { compiledTraining } from './compile/compiled-training.ts';
import { sanityCheck } from './evaluation-loop.ts';
import { fitLoop } from './fit-loop.ts';
import type { ResolvedData } from './inputs.ts';
import { emptyLoader } from './loaders.ts';
import { refuseAutomaticFlags } from './manual-step.ts';
import { Optimization } from './optimization.ts';
import { resolveCheckpoint } from './resume.ts';
import type { Session } from './session.ts';
import { listenForSignals } from './signals.ts';
import { checkValidationSchedule } from './validation-schedule.ts';
import { restoreWeights } from './weights.ts';

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
    await hooks.fire('loadCheckpoint', checkpoint);
    restoreWeights(module, checkpoint, { strict: true });
  }
  session.val = await data.valSources(options);
  session.train = await data.trainSource(options);
  if (session.train.loader.length === 0) throw emptyLoader(session.train, 0);
  if (session.val.length > 0) {
    checkValidates(module, data);
    checkValidationSchedule(options, session.train.count);
  }
  if (!session.hasOptimization) session.optimization = await Optimization.configure(module);
  if (!module.training) module.train();
  if (checkpoint !== undefined) restoreLoggers(session, checkpoint);
  await hooks.fire('fitStart');
  for (const logger of desk.loggers) {
    logger.logHyperparams?.(module.hparams);
    logger.logGraph?.(module);
  }
  if (checkpoint !== undefined) restoreTraining(session, callbacks, checkpoint);
  checkEpochLimit(session);
  const stopListening = options.handleSignals ? listenForSignals(() => session.interrupt()) : () => {};
  try {
    if (!session.isDone || session.unsettled !== undefined) {
      if (progress.epochBatch === 0) await sanityCheck(session);
      session.compiled = compiledTraining(session);
      session.startClock();
      await fitLoop(session, session.train);
    }
    await hooks.fire('fitEnd');
  } finally {
    stopListening();
    progress.elapsed = session.elapsed;
  }
  const { epoch, optimizerStep, globalBatch } = progress;
  return { epochs: epoch, steps: optimizerStep, batches: globalBatch, metrics: desk.callbackMetrics };
}

function checkValidates(module: LightningModule<never>, data: ResolvedData): void {
  if (module.validationStep !== undefined || data.datamodule !== undefined) return;
  throw new ConfigError('trainer.fit', {
    code: 'missing-step',
    expected: `${module.constructor.name} to have \`validationStep\`, since there is a validation loader`,
    got: 'a module without it',
    help: 'add `validationStep(batch, batchIdx)` and log its metrics there, or leave out the loader',
  });
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
