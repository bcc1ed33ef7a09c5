/** What all stages have in common: the engine, the session, setup and teardown, and what happens when something throws. */
import type { Callback, RunStage, TrainerView } from '../core/contracts.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { startEngine } from '../engine/start.ts';
import { attachDataModule } from '../module/data-module.ts';
import { attachHost, isAttached, type LightningModule } from '../module/lightning-module.ts';
import { PassThroughProfiler } from '../profilers/index.ts';
import { arrangeCallbacks } from './attach-callbacks.ts';
import { hasLoaders, missingLoader } from './data-request.ts';
import { Dispatcher } from './dispatch.ts';
import { refuseMisspelledHooks } from './hook-names.ts';
import type { ResolvedData } from './inputs.ts';
import { Instruments } from './instruments.ts';
import { LeakLedger } from './leaks.ts';
import { stoppedEarly } from './limits.ts';
import { manualControl } from './manual-step.ts';
import { refuseAsynchronousSteps } from './outputs.ts';
import { Session } from './session.ts';
import type { TrainerCore } from './trainer-state.ts';

/** Who runs what: the trainer as its callbacks see it, its parts, its own callbacks. */
export interface SessionHost {
  readonly view: TrainerView;
  readonly core: TrainerCore;
  readonly callbacks: readonly Callback[];
}

/**
 * Runs `body` as a session of the trainer.
 *
 * @throws ConfigError `already-running`; whatever the body throws, after everybody has heard of it
 */
export async function runSession<T>(
  host: SessionHost,
  stage: RunStage,
  module: LightningModule<never>,
  data: ResolvedData,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const { core } = host;
  if (core.session !== undefined) throw alreadyRunning(stage, core.session.stage);
  if (isAttached(module)) throw moduleInUse(stage, module);
  if (!hasLoaders(stage, data, module)) throw missingLoader(stage, stage === 'fit' ? 'a training loader' : 'a loader');
  const { datamodule } = data;
  const session = open(host, stage, module, data);
  const stopListening = listenToSignal(data.signal, session);
  const profiled = { stage, logDir: () => host.view.logDir };
  core.profiler.open?.(profiled);
  try {
    await startEngine({ engine: core.options.engine });
    await datamodule?.prepareData();
    await module.prepareData?.();
    await datamodule?.setup(stage);
    await session.hooks.fire('setup', stage);
    const result = await session.instruments.measure(stage, 'run', () => body(session));
    await datamodule?.teardown(stage);
    await session.hooks.fire('teardown', stage);
    core.status = session.interrupted ? 'interrupted' : stoppedEarly(session) ? 'stopped' : 'finished';
    for (const logger of core.loggers) await logger.finalize?.(session.interrupted ? 'interrupted' : 'success');
    return result;
  } catch (error) {
    core.status = 'failed';
    await reportFailure(core, session, data, error);
    throw error;
  } finally {
    stopListening();
    core.profiler.close?.(profiled);
    core.leaks.push(...(session.instruments.ledger?.leaks ?? []));
    session.park();
    session.compiled?.dispose();
    core.desk.settle();
    attachHost(module, undefined);
    if (datamodule !== undefined) attachDataModule(datamodule, undefined);
    core.session = undefined;
    if (session.hasOptimization) core.lastFit = session;
  }
}

/** The profiler and the ledger of leaks, where they are wanted. */
function makeInstruments({ profiler, options, progress }: TrainerCore): Instruments {
  const where = (): { step: number; epoch: number } => ({ step: progress.optimizerStep, epoch: progress.epoch });
  return new Instruments(
    profiler instanceof PassThroughProfiler ? undefined : profiler,
    options.detectLeaks === false ? undefined : new LeakLedger(options.detectLeaks, where),
  );
}

/** Has an AbortSignal interrupt the session. Returns what ends that. */
function listenToSignal(signal: AbortSignal | undefined, session: Session): () => void {
  if (signal === undefined) return () => {};
  const interrupt = (): void => session.interrupt();
  if (signal.aborted) interrupt();
  signal.addEventListener('abort', interrupt);
  return () => signal.removeEventListener('abort', interrupt);
}

function open(
  { view, core, callbacks }: SessionHost,
  stage: RunStage,
  module: LightningModule<never>,
  data: ResolvedData,
): Session {
  const { options, desk, progress, observers } = core;
  const all = core.dry ? callbacks : arrangeCallbacks(callbacks, module);
  refuseMisspelledHooks('module', module);
  if (data.datamodule !== undefined) refuseMisspelledHooks('data module', data.datamodule);
  refuseAsynchronousSteps(module);
  for (const callback of all) refuseMisspelledHooks('callback', callback);
  const instruments = makeInstruments(core);
  const hooks = new Dispatcher(view, module, all, observers, instruments);
  const session = new Session({ stage, options, module, hooks, desk, progress, data, instruments });
  core.callbacks = all;
  core.session = session;
  core.status = 'running';
  desk.reset();
  let manual: ReturnType<typeof manualControl> | undefined;
  if (data.datamodule !== undefined) attachDataModule(data.datamodule, view);
  attachHost(module, {
    get trainer() {
      return session.compiled?.watch(view) ?? view;
    },
    manual: () => {
      manual ??= manualControl(session);
      return manual;
    },
    log: (name, value, given) => desk.log(hooks.current, name, value, given, module.defaultXAxis),
  });
  return session;
}

/** Lets everybody hear of a failure. An error of theirs must not hide the one that is being reported. */
async function reportFailure(core: TrainerCore, session: Session, data: ResolvedData, error: unknown): Promise<void> {
  const attempts = [
    () => data.datamodule?.onException(error),
    ...core.loggers.map((logger) => () => logger.finalize?.('failed')),
  ];
  const errors = await session.hooks.tellAll('exception', error);
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (second) {
      errors.push(second);
    }
  }
  for (const second of errors) process.emitWarning(`While a failed run was being closed: ${messageOf(second)}`);
}

function moduleInUse(stage: RunStage, module: LightningModule<never>): ConfigError {
  return new ConfigError(`trainer.${stage}: ${module.constructor.name}`, {
    code: 'module-in-use',
    expected: 'a module that no trainer runs',
    got: 'one that another trainer runs at the moment',
    help: 'await the other call first',
  });
}

/** The error for a trainer that is busy. */
export function alreadyRunning(stage: RunStage | 'check', running: RunStage): ConfigError {
  return new ConfigError(`trainer.${stage}`, {
    code: 'already-running',
    expected: 'an idle trainer',
    got: `one in which \`${running}\` is running`,
    help: 'await the first call, or use a second trainer',
  });
}
