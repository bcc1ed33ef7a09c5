/** Collects everything that a run consists of into a checkpoint, and puts it back: this is what makes a resume exact. */
import type { Callback, Checkpoint, HostTensor, Json, JsonObject } from '../core/contracts.ts';
import { CheckpointError } from '../core/errors.ts';
import type { RandomState } from '../core/random.ts';
import { globalRandom } from '../core/seed.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { LogBookState } from '../module/log-book.ts';
import type { OptimizerState } from '../optim/index.ts';
import type { ProgressState } from './progress.ts';
import type { Session } from './session.ts';

/** Collects the state of a session. With `weightsOnly`, just the model and its hyper-parameters. */
export async function collectCheckpoint(
  session: Session,
  callbacks: readonly Callback[],
  { weightsOnly }: { weightsOnly: boolean },
): Promise<Checkpoint> {
  const { module, progress } = session;
  const state: Checkpoint['state'] = {
    module: module.constructor.name,
    hparams: module.hparams as JsonObject,
    epoch: progress.epoch,
    globalStep: progress.optimizerStep,
    user: {},
  };
  const tensors = new Map<string, HostTensor>();
  for (const [name, variable] of module.namedVariables()) tensors.set(`model/${name}`, toHost(variable));
  const checkpoint = { state, tensors };
  if (!weightsOnly) collectTraining(session, callbacks, checkpoint);
  await session.hooks.fire('saveCheckpoint', checkpoint);
  return checkpoint;
}

/**
 * Sets the module's variables from a checkpoint.
 *
 * @param strict every variable must be there, and nothing else
 * @throws CheckpointError `checkpoint-does-not-fit`
 */
export function restoreWeights(
  module: LightningModule<never>,
  { tensors }: Checkpoint,
  { strict }: { strict: boolean },
): void {
  const variables = module.namedVariables();
  const names = [...tensors.keys()]
    .filter((name) => name.startsWith('model/'))
    .map((name) => name.slice('model/'.length));
  if (strict) checkNames(module, [...variables.keys()], names);
  for (const name of names) {
    const saved = tensors.get(`model/${name}`) as HostTensor;
    const variable = variables.get(name);
    if (variable === undefined) continue;
    if (!tf.util.arraysEqual(variable.shape, [...saved.shape])) {
      throw misfit(module, `'${name}' to have shape [${variable.shape}]`, `shape [${saved.shape}]`);
    }
    tf.tidy(() => variable.assign(fromHost(saved)));
  }
}

/**
 * Puts back everything but the weights. Call it when the optimizer has been configured.
 *
 * @throws CheckpointError `weights-only-checkpoint` when there is nothing but weights in it
 */
export function restoreTraining(session: Session, callbacks: readonly Callback[], checkpoint: Checkpoint): void {
  const { state, tensors } = checkpoint;
  const progress = state.progress as unknown as ProgressState | undefined;
  if (progress === undefined) {
    throw new CheckpointError('The checkpoint cannot be resumed from', {
      code: 'weights-only-checkpoint',
      expected: 'a whole checkpoint',
      got: 'one with weights only',
      help: 'load it with `loadFromCheckpoint` and start a new fit',
    });
  }
  Object.assign(session.progress, progress);
  session.windowBatch = state.windowBatch as number;
  restoreOptimizer(session, checkpoint);
  session.optimization.loadSchedulerStates(state.schedulers as JsonObject[]);
  const { batches, samples } = state.window as { batches: number; samples: number };
  session.window.restore({ batches, samples, sums: keyed(session, tensors) });
  const saved = state.callbacks as Record<string, JsonObject>;
  for (const callback of callbacks) {
    const own = saved[stateKey(callback)];
    if (own !== undefined) callback.loadStateDict?.(own);
  }
  session.desk.books.train.restore(state.book as unknown as LogBookState);
  const loggers = state.loggers as (JsonObject | null)[];
  session.desk.loggers.forEach((logger, i) => {
    logger.loadStateDict?.(loggers[i] ?? {}, progress.closedWindows);
  });
  restoreLoader(session, state.loader as { seed: number } | null);
  globalRandom().restore(state.random as unknown as RandomState);
}

/** The key of a callback's state in a checkpoint. */
export function stateKey(callback: Callback): string {
  return callback.stateKey ?? callback.constructor.name;
}

/** The optimizer's state, its tensors moved into `tensors`. */
export function collectOptimizer(session: Session, tensors: Map<string, HostTensor>): JsonObject {
  const { tensors: slots, ...rest } = session.optimization.optimizer.stateDict(namer(session));
  for (const [name, own] of Object.entries(slots)) {
    for (const [slot, tensor] of Object.entries(own)) tensors.set(`optimizer/${name}/${slot}`, toHost(tensor));
  }
  return rest as unknown as JsonObject;
}

/** Puts the optimizer's state back. */
export function restoreOptimizer(session: Session, { state, tensors }: Checkpoint): void {
  const slots: Record<string, Record<string, tf.Tensor>> = {};
  try {
    for (const [key, tensor] of tensors) {
      const [, name, slot] = /^optimizer\/(.*)\/([^/]+)$/.exec(key) ?? [];
      if (name === undefined || slot === undefined) continue;
      slots[name] = { ...slots[name], [slot]: fromHost(tensor) };
    }
    const saved = { ...(state.optimizer as object), tensors: slots } as OptimizerState;
    session.optimization.optimizer.loadStateDict(saved, namer(session));
  } finally {
    tf.dispose(slots as unknown as tf.TensorContainer);
  }
}

function collectTraining(session: Session, callbacks: readonly Callback[], { state, tensors }: Checkpoint): void {
  const { progress, window, desk, optimization } = session;
  const { sums, batches, samples } = window.state();
  const nameOf = namer(session);
  for (const parameter of optimization.parameters) {
    const sum = sums[parameter.name];
    if (sum !== undefined) tensors.set(`window/${nameOf(parameter)}`, toHost(sum));
  }
  Object.assign(state, {
    progress: { ...session.progressAtResume, elapsed: session.elapsed } satisfies ProgressState,
    windowBatch: session.windowBatch,
    window: { batches, samples },
    optimizer: collectOptimizer(session, tensors),
    schedulers: optimization.schedulerStates(),
    callbacks: Object.fromEntries(
      callbacks
        .filter((callback) => callback.stateDict)
        .map((callback) => [stateKey(callback), callback.stateDict?.() ?? {}]),
    ),
    book: (session.epochEnded ? { entries: [] } : desk.books.train.state()) as unknown as Json,
    loggers: desk.loggers.map((logger) => logger.stateDict?.() ?? null),
    loader: loaderSeed(session),
    random: globalRandom().state(),
    epoch: progress.epoch,
  });
}

/** The names that the module gives its variables: unlike tfjs's own they are the same in every process. */
function namer({ module }: Session): (variable: tf.Variable) => string {
  const names = new Map([...module.namedVariables()].map(([name, variable]) => [variable, name]));
  return (variable) => names.get(variable) ?? variable.name;
}

function keyed(session: Session, tensors: ReadonlyMap<string, HostTensor>): Record<string, tf.Tensor> {
  const nameOf = namer(session);
  const sums: Record<string, tf.Tensor> = {};
  for (const parameter of session.optimization.parameters) {
    const saved = tensors.get(`window/${nameOf(parameter)}`);
    if (saved !== undefined) sums[parameter.name] = fromHost(saved);
  }
  return sums;
}

function loaderSeed({ train }: Session): { seed: number } | null {
  const state = train?.loader.state?.();
  return state === undefined ? null : { seed: state.seed };
}

/** Gives the loader the seed of the first run, so that its shuffles go on as they would have. */
function restoreLoader({ train, progress }: Session, saved: { seed: number } | null): void {
  if (saved !== null)
    train?.loader.loadState?.({ epoch: progress.epoch, batch: progress.epochBatch, seed: saved.seed });
}

function checkNames(module: LightningModule<never>, expected: readonly string[], got: readonly string[]): void {
  const missing = expected.filter((name) => !got.includes(name));
  const surplus = got.filter((name) => !expected.includes(name));
  if (missing.length > 0) throw misfit(module, `the weights ${list(missing)}`, 'a checkpoint without them');
  if (surplus.length > 0) throw misfit(module, 'no other weights', list(surplus));
}

const list = (names: readonly string[]): string =>
  names
    .slice(0, 4)
    .map((name) => `'${name}'`)
    .join(', ') + (names.length > 4 ? ` and ${names.length - 4} more` : '');

function misfit(module: LightningModule<never>, expected: string, got: string): CheckpointError {
  return new CheckpointError(`The checkpoint does not fit ${module.constructor.name}`, {
    code: 'checkpoint-does-not-fit',
    expected,
    got,
    help: 'build the module as it was when the checkpoint was written, or load with `strict: false`',
  });
}
