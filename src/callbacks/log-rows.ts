/** When callbacks that log something costly should do so. */
import type { TrainerView } from '../core/contracts.ts';

/** True when the row of the running accumulation window will go to the loggers: what is logged now is not in vain. */
export function rowIsDue({ loggedStep, logEveryNSteps, loggers }: TrainerView): boolean {
  return loggers.length > 0 && logEveryNSteps > 0 && (loggedStep + 1) % logEveryNSteps === 0;
}
