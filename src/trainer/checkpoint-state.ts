/** Collects everything that a run consists of into a checkpoint, and puts it back: this is what makes a resume exact. */

import type { Callback, Checkpoint, Json, JsonObject, Metrics } from '../core/contracts.ts';
import { CheckpointError } from '../core/errors.ts';
import type { RandomState } from '../core/random.ts';
import { globalRandom } from '../core/seed.ts';
import type { LoaderSeed } from '../data/loader.ts';
import type { AxisRows } from '../module/log-book.ts';
import { collectWeights } from '../module/weights.ts';
import type { CompiledState } from './compile/compiled-training.ts';
import { collectDataModule } from './data-state.ts';
import {
  collectOptimizer,
  collectOtherOptimizers,
  collectWindow,
  restoreOptimizers,
  restoreWindow,
} from './gradient-state.ts';
import type { BatchSource } from './loaders.ts';
import type { LogDeskState, RowPlace } from './log-desk.ts';
import type { ProgressState } from './progress.ts';
import type { Session, UnsettledBatch } from './session.ts';

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
  if (session.data.datamodule !== undefined) state.datamodule = collectDataModule(session.data.datamodule);
  const checkpoint = { state, tensors: collectWeights(module) };
  if (!weightsOnly) collectTraining(session, callbacks, checkpoint);
  await session.hooks.fire('saveCheckpoint', checkpoint);
  return checkpoint;
}

function collectTraining(session: Session, callbacks: readonly Callback[], { state, tensors }: Checkpoint): void {
  const { desk, optimization, resumePoint, undoneValidation: undone, train, val } = session;
  const progress = resumePoint?.progress ?? { ...session.progress, ...undone?.progress };
  const log = desk.state();
  const withState = callbacks.filter((callback) => callback.stateDict);
  Object.assign(state, {
    progress: { ...progress, elapsed: session.elapsed } satisfies ProgressState,
    isLastBatch: resumePoint === undefined && session.isLastBatch,
    unsettled: resumePoint === undefined ? ((session.unsettled ?? null) as Json) : null,
    owesRow: session.owesRow,
    owedEpochRow: owedEpochRow(session) as unknown as Json,
    window: collectWindow(session, tensors),
    compiled: (session.compiled?.state() ?? session.restoredSteps) as unknown as Json,
    optimizer: collectOptimizer(session, 0, tensors),
    otherOptimizers: collectOtherOptimizers(session, tensors),
    schedulers: optimization.schedulerStates(),
    callbacks: Object.fromEntries(withState.map((callback) => [stateKey(callback), callback.stateDict?.() ?? {}])),
    log: { ...log, train: resumePoint?.book ?? log.train } as unknown as Json,
    loggers: undone?.loggers ?? desk.loggerStates(),
    loaders: [train, ...val].map(loaderSeed) as Json,
    loaderRequest: (session.loaderRequest ?? null) as unknown as Json,
    random: (session.trainingRandom ?? globalRandom().state()) as readonly number[],
  });
}

/**
 * Refuses a checkpoint with nothing but weights in it.
 *
 * @throws CheckpointError `weights-only-checkpoint`
 */
export function checkResumable({ state }: Checkpoint): void {
  if (state.progress !== undefined) return;
  throw new CheckpointError('The checkpoint cannot be resumed from', {
    code: 'weights-only-checkpoint',
    expected: 'a whole checkpoint',
    got: 'one with weights only',
    help: 'load it with `loadFromCheckpoint` and start a new fit',
  });
}

/** Has the loggers go on where they were, which may be in another directory: before the callbacks ask for it. */
export function restoreLoggers(session: Session, { state }: Checkpoint): void {
  const { closedWindows } = state.progress as unknown as ProgressState;
  const saved = state.loggers as (JsonObject | null)[];
  session.desk.loggers.forEach((logger, i) => {
    logger.loadStateDict?.(saved[i] ?? {}, closedWindows);
  });
}

/** Puts back everything but weights and loggers. Call it when the optimizer has been configured. */
export function restoreTraining(session: Session, callbacks: readonly Callback[], checkpoint: Checkpoint): void {
  const { state } = checkpoint;
  Object.assign(session.progress, state.progress);
  session.isLastBatch = state.isLastBatch as boolean;
  session.unsettled = (state.unsettled as UnsettledBatch | null) ?? undefined;
  session.owesRow = session.unsettled !== undefined && state.owesRow === true;
  restoreOptimizers(session, checkpoint);
  restoreWindow(session, checkpoint);
  session.restoredSteps = (state.compiled ?? {}) as unknown as CompiledState;
  session.optimization.loadSchedulerStates(state.schedulers as JsonObject[]);
  restoreCallbacks(callbacks, state.callbacks as Readonly<Record<string, JsonObject>>);
  session.desk.restore(state.log as unknown as LogDeskState);
  [session.train, ...session.val].forEach((source, i) => {
    restoreLoader(source, (state.loaders as (LoaderSeed | null)[])[i] ?? null);
  });
  globalRandom().restore(state.random as unknown as RandomState);
  const owed = (state.owedEpochRow ?? null) as OwedRow | null;
  if (owed === null) return;
  if ('rows' in owed) session.desk.write(owed.rows, owed.place);
  else session.desk.writeAtStep(owed.row, owed.step, owed.epoch);
}

/** Gives callbacks their states back. A state that is nobody's is named in a warning: its callback may be missing. */
function restoreCallbacks(callbacks: readonly Callback[], saved: Readonly<Record<string, JsonObject>>): void {
  const unclaimed = new Set(Object.keys(saved));
  for (const callback of callbacks) {
    const own = saved[stateKey(callback)];
    if (own === undefined) continue;
    unclaimed.delete(stateKey(callback));
    callback.loadStateDict?.(own);
  }
  if (unclaimed.size === 0) return;
  const text = `The checkpoint has the states of callbacks that are not there now: ${[...unclaimed].join(', ')}`;
  process.emitWarning(text, { type: 'KelvinWarning', code: 'callback-missing' });
}

/** A row that was due when the checkpoint was made and is written by the run that goes on from it. */
type OwedRow =
  | { readonly rows: AxisRows; readonly place: RowPlace }
  // As checkpoints of 0.1.0 before x axes have it.
  | { readonly row: Metrics; readonly step: number; readonly epoch: number };

/** The row of an epoch whose batches are over, for a checkpoint that is made before that row is written. */
function owedEpochRow(session: Session): OwedRow | null {
  if (session.resumePoint === undefined || session.epochRowWritten) return null;
  return { rows: session.desk.books.train.epochRow(), place: session.rowPlace() };
}

/** The key of a callback's state in a checkpoint. */
export function stateKey(callback: Callback): string {
  return callback.stateKey ?? callback.constructor.name;
}

function loaderSeed(source: BatchSource | undefined): LoaderSeed | null {
  return source?.loader.state?.().seed ?? null;
}

/** Gives the loader the seed of the first run, so that its shuffles go on as they would have. */
function restoreLoader(source: BatchSource | undefined, seed: LoaderSeed | null): void {
  if (seed !== null) source?.loader.loadState?.({ epoch: 0, batch: 0, seed } as never);
}
