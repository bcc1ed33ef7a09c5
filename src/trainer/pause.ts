/** Where a fit was stopped within an epoch, so that the next fit of the same module goes on there as if it never had been. */
import type { JsonObject } from '../core/contracts.ts';
import type { RandomState } from '../core/random.ts';
import { globalRandom } from '../core/seed.ts';
import type { LoaderSeed } from '../data/loader.ts';
import type { LoaderRequest } from './data-request.ts';
import { limitReached } from './limits.ts';
import type { LogDeskState } from './log-desk.ts';
import type { ProgressState } from './progress.ts';
import type { Session, UnsettledBatch } from './session.ts';

/** A place within an epoch. Optimizer, callbacks and weights are live objects, and where they were left. */
export interface Pause {
  readonly progress: ProgressState;
  readonly isLastBatch: boolean;
  readonly unsettled: UnsettledBatch | undefined;
  readonly owesRow: boolean;
  readonly windowBatch: number;
  readonly log: LogDeskState;
  /** What the loggers held before a validation that was broken off: the next fit validates anew. */
  readonly loggers: readonly (JsonObject | null)[] | undefined;
  readonly seeds: readonly (LoaderSeed | undefined)[];
  readonly random: RandomState;
  readonly loaderRequest: LoaderRequest | undefined;
}

/** The place at which a session has ended; `undefined` when it was the end of an epoch. */
export function pauseOf(session: Session): Pause | undefined {
  const { desk, resumePoint, undoneValidation: undone, windowBatch } = session;
  const progress = { ...(resumePoint?.progress ?? { ...session.progress, ...undone?.progress }) };
  if (progress.epochBatch === 0) return undefined;
  const log = desk.state();
  return {
    progress,
    isLastBatch: resumePoint === undefined && session.isLastBatch,
    unsettled: resumePoint === undefined ? session.unsettled : undefined,
    owesRow: session.owesRow,
    windowBatch,
    log: { ...log, train: resumePoint?.book ?? log.train },
    loggers: undone?.loggers,
    seeds: loadersOf(session).map((loader) => loader?.state?.().seed),
    random: session.trainingRandom ?? globalRandom().state(),
    loaderRequest: session.loaderRequest,
  };
}

/** Goes on from a pause, unless the limits of the trainer leave nothing to be done there. */
export function goOnFrom(session: Session, pause: Pause): void {
  const ended = { ...session.progress };
  Object.assign(session.progress, pause.progress, { elapsed: ended.elapsed });
  if (limitReached(session)) {
    Object.assign(session.progress, ended);
    return;
  }
  session.isLastBatch = pause.isLastBatch;
  session.unsettled = pause.unsettled;
  session.owesRow = pause.owesRow && pause.unsettled !== undefined;
  session.windowBatch = pause.windowBatch;
  session.desk.restore(pause.log);
  session.desk.loggers.forEach((logger, i) => {
    const state = pause.loggers?.[i];
    if (state !== undefined) logger.loadStateDict?.(state ?? {}, pause.progress.closedWindows);
  });
  loadersOf(session).forEach((loader, i) => {
    const seed = pause.seeds[i];
    if (seed !== undefined) loader?.loadState?.({ epoch: 0, batch: 0, seed } as never);
  });
  globalRandom().restore(pause.random);
}

const loadersOf = ({ train, val }: Session) => [train, ...val].map((source) => source?.loader);
