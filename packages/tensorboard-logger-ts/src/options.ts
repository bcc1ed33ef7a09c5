/** The options of a SummaryWriter, checked once, and the checks of tags, steps and times. */
import { hostname } from 'node:os';
import { show, TensorBoardWriterError } from './errors.ts';
import type { ScalarFormat } from './kinds/scalar.ts';

/** Options of a {@link SummaryWriter}. */
export interface SummaryWriterOptions {
  /** Text at the end of the file name. Default: none. */
  readonly filenameSuffix?: string | undefined;
  /** Events are written at the latest after this many seconds. Default: 10. */
  readonly flushSecs?: number | undefined;
  /** Events are written when this many wait. Default: 1000. */
  readonly maxQueue?: number | undefined;
  /**
   * The first step of this run that will be written (again): TensorBoard hides everything that earlier files of the
   * directory hold at this step or later. Give it on resuming. Default: nothing is hidden.
   */
  readonly purgeStep?: number | undefined;
  /** The host in the file name. Default: this machine's. */
  readonly hostname?: string | undefined;
  /**
   * `'simple'`: scalars as every reader knows them. `'tensor'`: as TensorFlow 2 writes them; `EventAccumulator` then
   * lists them under tensors. Default: `'simple'`.
   */
  readonly scalarFormat?: ScalarFormat | undefined;
  /** Called once, at the first event that the disk does not take. Default: `process.emitWarning`. */
  readonly onError?: ((error: TensorBoardWriterError) => void) | undefined;
}

/** The options with their defaults. */
export interface CheckedOptions {
  readonly filenameSuffix: string;
  readonly flushSecs: number;
  readonly maxQueue: number;
  readonly purgeStep: number | undefined;
  readonly hostname: string;
  readonly scalarFormat: ScalarFormat;
  readonly onError: (error: TensorBoardWriterError) => void;
}

const KNOWN = ['filenameSuffix', 'flushSecs', 'maxQueue', 'purgeStep', 'hostname', 'scalarFormat', 'onError'];

/** @throws TensorBoardWriterError `invalid-option` that names the option, what is expected and what was got. */
export function checkOptions(given: SummaryWriterOptions): CheckedOptions {
  for (const name of Object.keys(given)) {
    if (!KNOWN.includes(name)) {
      const text = `SummaryWriter has no option "${name}"; there are ${KNOWN.join(', ')}.`;
      throw new TensorBoardWriterError('invalid-option', text);
    }
  }
  const {
    filenameSuffix = '',
    flushSecs = 10,
    maxQueue = 1000,
    purgeStep,
    scalarFormat = 'simple',
    onError = warn,
  } = given;
  const host = given.hostname ?? hostname();
  const fileName = (text: unknown) => typeof text === 'string' && !/[/\\\0]/.test(text);
  expect(fileName(filenameSuffix), 'filenameSuffix', 'a text without slashes', filenameSuffix);
  expect(fileName(host), 'hostname', 'a text without slashes', host);
  // Node's timers hold no more than 2^31 - 1 milliseconds.
  const seconds = typeof flushSecs === 'number' && flushSecs >= 0 && flushSecs <= 2_000_000;
  expect(seconds, 'flushSecs', 'a number of seconds from 0 to 2000000', flushSecs);
  expect(Number.isInteger(maxQueue) && maxQueue >= 1, 'maxQueue', 'a whole number of at least 1', maxQueue);
  expect(purgeStep === undefined || isStep(purgeStep), 'purgeStep', 'a whole number from 0 to 2^53 - 1', purgeStep);
  expect(['simple', 'tensor'].includes(scalarFormat), 'scalarFormat', "'simple' or 'tensor'", scalarFormat);
  expect(typeof onError === 'function', 'onError', 'a function', onError);
  return { filenameSuffix, flushSecs, maxQueue, purgeStep, hostname: host, scalarFormat, onError };
}

export function isStep(step: number): boolean {
  return Number.isSafeInteger(step) && step >= 0;
}

export function checkStep(step: number): void {
  if (isStep(step)) return;
  const text = `Expected a whole number from 0 to 2^53 - 1 as the step, got ${show(step)}.`;
  throw new TensorBoardWriterError('invalid-step', text);
}

export function checkWallTime(wallTime: number): void {
  if (Number.isFinite(wallTime)) return;
  const text = `Expected seconds since 1970 as the wall time, got ${show(wallTime)}.`;
  throw new TensorBoardWriterError('invalid-wall-time', text);
}

export function checkTag(tag: string): void {
  if (typeof tag === 'string' && tag !== '') return;
  throw new TensorBoardWriterError('invalid-tag', `Expected a text that is not empty as the tag, got ${show(tag)}.`);
}

/** Hands `error` to the user's handler; one that throws must not reach the training loop either. */
export function report(onError: (error: TensorBoardWriterError) => void, error: TensorBoardWriterError): void {
  try {
    onError(error);
  } catch (thrown) {
    process.emitWarning(`The onError option of a SummaryWriter threw: ${String(thrown)}`, 'TensorBoardWarning');
    warn(error);
  }
}

function warn(error: TensorBoardWriterError): void {
  process.emitWarning(error.message, { type: 'TensorBoardWarning', code: error.code });
}

function expect(ok: boolean, name: string, expected: string, got: unknown): void {
  if (ok) return;
  throw new TensorBoardWriterError(
    'invalid-option',
    `Expected ${expected} as the option "${name}" of SummaryWriter, got ${show(got)}.`,
  );
}
