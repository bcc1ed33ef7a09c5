/**
 * The dry run of `trainer.check`: a fit on a scratch trainer that is stopped after its first optimizer step and one
 * validation batch, looked at by a probe, and undone.
 */
import type { Callback } from '../core/contracts.ts';
import { withIsolatedRandom } from '../core/seed.ts';
import { fromHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { rememberModes } from '../module/lifecycle.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { arrangeCallbacks } from './attach-callbacks.ts';
import { metricsOfCallbacks, missingMonitors } from './check-monitors.ts';
import { CheckProbe } from './check-probe.ts';
import {
  forgottenProblem,
  loadersIn,
  oneShotProblem,
  sharedNames,
  thrown,
  unusedParameters,
  unusedProblem,
} from './check-problems.ts';
import { type CheckProblem, type CheckReport, checkText } from './check-report.ts';
import type { ResolvedTrainerOptions, TrainerOptions } from './options.ts';
import type { TrainerCore } from './trainer-state.ts';

/** A trainer to be used up. */
export interface ScratchTrainer {
  readonly core: TrainerCore;
  fit(): Promise<unknown>;
}

/**
 * Checks a fit without doing it.
 *
 * @param callbacks those of the trainer that asks; they are not called
 * @param makeScratch makes a trainer with the flags it is given
 */
export async function checkFit(
  options: ResolvedTrainerOptions,
  callbacks: readonly Callback[],
  module: LightningModule<never>,
  data: unknown,
  makeScratch: (flags: TrainerOptions) => ScratchTrainer,
): Promise<CheckReport> {
  const oneShot = oneShotProblem(loadersIn(data));
  const probe: CheckProbe = new CheckProbe(options, () => scratch.core.session as NonNullable<TrainerCore['session']>);
  const scratch = makeScratch(scratchFlags(options, probe));
  const all = arrangeCallbacks(callbacks, module);
  const problems: CheckProblem[] = oneShot === undefined ? [] : [oneShot];
  if (oneShot === undefined) {
    const failed = await tryOut(scratch, probe, module);
    if (failed !== undefined) problems.push(failed);
    else problems.push(...missingMonitors(probe, all), ...sharedNames(probe));
  }
  const unused = probe.stepped ? unusedParameters(probe, module) : [];
  problems.push(...unusedProblem(unused), ...forgottenProblem(probe, module));
  const report = {
    ok: problems.every(({ severity }) => severity !== 'error'),
    loaders: [...probe.loaders.values()],
    metrics: { ...probe.metrics, callbacks: metricsOfCallbacks(all) },
    ...probe.plan,
    unusedParameters: unused,
    problems,
  };
  return { ...report, text: checkText(module.constructor.name, report) };
}

/** Runs the scratch trainer and puts everything back. Returns the problem that has ended it, if one has. */
async function tryOut(
  scratch: ScratchTrainer,
  probe: CheckProbe,
  module: LightningModule<never>,
): Promise<CheckProblem | undefined> {
  const restoreModes = rememberModes(module);
  try {
    await withIsolatedRandom(() => scratch.fit());
    return undefined;
  } catch (error) {
    return thrown(error);
  } finally {
    for (const [variable, value] of probe.weights ?? []) tf.tidy(() => variable.assign(fromHost(value)));
    probe.restoreLoaders();
    restoreModes();
  }
}

/** The trainer's own limits, since schedules depend on them, but one validation batch and nothing attached. */
function scratchFlags(options: ResolvedTrainerOptions, probe: CheckProbe): TrainerOptions {
  const { engine, maxSteps, limitTrainBatches, limitValBatches, valCheckInterval, checkValEveryNEpoch } = options;
  const { accumulateGradBatches, gradientClipVal, gradientClipAlgorithm, overfitBatches } = options;
  return {
    engine,
    maxEpochs: options.maxEpochs,
    minEpochs: 0,
    maxSteps,
    minSteps: 0,
    limitTrainBatches,
    limitValBatches: limitValBatches === 0 || limitValBatches === '0%' ? 0 : 1,
    valCheckInterval,
    checkValEveryNEpoch,
    accumulateGradBatches,
    gradientClipVal,
    gradientClipAlgorithm,
    overfitBatches,
    terminateOnNaN: true,
    handleSignals: false,
    barebones: true,
    callbacks: probe,
  };
}
