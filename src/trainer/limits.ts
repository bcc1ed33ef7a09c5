/** When training ends: the limits of the flags, what was asked for while it ran, and the minimums that hold it back. */
import { milliseconds } from '../core/duration.ts';
import type { Session } from './session.ts';

/** Nothing more is to be trained. */
export function isDone(session: Session): boolean {
  return session.interrupted || limitReached(session) || (session.shouldStop && minimumsMet(session));
}

/** No further batch of this epoch is to be trained. */
export function leavesEpoch(session: Session): boolean {
  if (session.interrupted || stepsDone(session) || timeIsUp(session)) return true;
  return session.shouldStop && minimumsMet(session);
}

/** As many epochs or steps as the flags allow have been made, or the time is up. */
export function limitReached(session: Session): boolean {
  const { maxEpochs } = session.options;
  if (session.train?.count === 0) return true;
  if (maxEpochs !== -1 && session.progress.epoch >= maxEpochs) return true;
  return stepsDone(session) || timeIsUp(session);
}

/** As many epochs and steps as the flags ask for at least have been made, a running epoch's last batch included. */
export function minimumsMet(session: Session): boolean {
  const { options, progress } = session;
  const epochs = progress.epoch + (session.isLastBatch && progress.epochBatch > 0 ? 1 : 0);
  return epochs >= options.minEpochs && progress.optimizerStep >= options.minSteps;
}

/** A callback or the module asked for the end, and it came before the limits were reached. */
export function stoppedEarly(session: Session): boolean {
  const brokenOff = session.resumePoint !== undefined;
  return session.shouldStop && session.stage === 'fit' && (brokenOff || !limitReached(session));
}

function stepsDone({ options, progress }: Session): boolean {
  return options.maxSteps !== -1 && progress.optimizerStep >= options.maxSteps;
}

function timeIsUp(session: Session): boolean {
  const { maxTime } = session.options;
  return maxTime !== undefined && session.elapsed >= milliseconds(maxTime) && minimumsMet(session);
}
