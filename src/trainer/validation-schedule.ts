/** When validation runs during training: `valCheckInterval` and `checkValEveryNEpoch`. */

import { isTimeSpan, limitedCount, milliseconds } from '../core/duration.ts';
import { ConfigError } from '../core/errors.ts';
import { minimumsMet } from './limits.ts';
import type { ResolvedTrainerOptions } from './options.ts';
import type { Session } from './session.ts';

/** Whether validation is due after the batch that was just trained on. */
export function validationDue(session: Session): boolean {
  const { options, progress, val, module, isLastBatch, train } = session;
  if (val.length === 0 || module.validationStep === undefined || session.interrupted) return false;
  if (progress.validatedBatch === progress.globalBatch) return false; // done before the checkpoint that was resumed from
  if (session.shouldStop && minimumsMet(session)) return true;
  const { valCheckInterval, checkValEveryNEpoch: everyNEpoch } = options;
  if (isTimeSpan(valCheckInterval)) return session.sinceValidation >= milliseconds(valCheckInterval);
  if (everyNEpoch === null) return progress.globalBatch % (valCheckInterval as number) === 0;
  if ((progress.epoch + 1) % everyNEpoch !== 0) return false;
  if (valCheckInterval === '100%') return isLastBatch;
  return progress.epochBatch % validationInterval(options, train?.count ?? Number.POSITIVE_INFINITY) === 0;
}

/** True when validation runs at the end of each epoch and nowhere else, or not at all. */
export function validatesAtEpochEnd(options: ResolvedTrainerOptions): boolean {
  return options.valCheckInterval === '100%' && options.checkValEveryNEpoch === 1;
}

/**
 * Checks the cadence against the length of the training loader.
 *
 * @throws ConfigError `interval-exceeds-epoch`, `fraction-across-epochs`, or those of a percentage
 */
export function checkValidationSchedule(options: ResolvedTrainerOptions, trainBatches: number): void {
  const { valCheckInterval, checkValEveryNEpoch } = options;
  if (isTimeSpan(valCheckInterval)) {
    if (checkValEveryNEpoch === null || checkValEveryNEpoch === 1) return;
    throw new ConfigError('Trainer: option `checkValEveryNEpoch`', {
      code: 'conflicting-options',
      expected: 'to be left out, since `valCheckInterval` is a time',
      got: String(checkValEveryNEpoch),
    });
  }
  if (checkValEveryNEpoch === null) {
    if (typeof valCheckInterval === 'number') return;
    throw new ConfigError('Trainer: option `valCheckInterval`', {
      code: 'fraction-across-epochs',
      expected: 'a count of batches, since `checkValEveryNEpoch` is null',
      got: `'${valCheckInterval}'`,
    });
  }
  if (valCheckInterval === '100%') return;
  const interval = validationInterval(options, trainBatches);
  if (interval <= trainBatches || trainBatches === 0) return;
  throw new ConfigError('Trainer: option `valCheckInterval`', {
    code: 'interval-exceeds-epoch',
    expected: `at most the ${trainBatches} batches of an epoch`,
    got: String(interval),
    help: 'to count batches across epochs, set `checkValEveryNEpoch: null`',
  });
}

function validationInterval({ valCheckInterval }: ResolvedTrainerOptions, trainBatches: number): number {
  if (typeof valCheckInterval === 'number') return valCheckInterval;
  if (isTimeSpan(valCheckInterval)) return Number.POSITIVE_INFINITY;
  return Math.max(1, limitedCount('valCheckInterval', valCheckInterval, trainBatches));
}

/** How many validations a fit will run that sees `seen` batches, in epochs of `perEpoch`; NaN when a clock decides. */
export function plannedValidations(options: ResolvedTrainerOptions, perEpoch: number, seen: number): number {
  const { valCheckInterval, checkValEveryNEpoch } = options;
  if (isTimeSpan(valCheckInterval)) return Number.NaN;
  if (checkValEveryNEpoch === null) return Math.floor(seen / (valCheckInterval as number));
  if (!Number.isFinite(seen)) return Number.POSITIVE_INFINITY;
  const interval = valCheckInterval === '100%' ? perEpoch : validationInterval(options, perEpoch);
  let count = 0;
  for (let epoch = 0; epoch * perEpoch < seen; epoch++) {
    if ((epoch + 1) % checkValEveryNEpoch !== 0) continue;
    count += Math.floor(Math.min(perEpoch, seen - epoch * perEpoch) / interval);
  }
  return count;
}
