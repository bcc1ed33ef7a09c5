/**
 * Kelvin's typed errors. Each says what was expected, what was got and what to do about it, and carries a
 * stable `code`, so that programs need not read the text.
 */

/** What an error has to say; `message` is built from it. */
export interface ErrorDetails {
  /** Stable, machine-readable name of the mistake, in kebab-case: `'unknown-option'`. */
  readonly code: string;
  /** What would have been right: `'a whole number of at least 1'`. */
  readonly expected?: string | undefined;
  /** What was found instead, already printable (see {@link show}). */
  readonly got?: string | undefined;
  /** One line that tells the reader what to do. */
  readonly help?: string | undefined;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/**
 * The base of every error that Kelvin throws on purpose.
 *
 * @example
 * ```ts
 * try { await trainer.fit(module, loaders); }
 * catch (error) { if (error instanceof KelvinError) console.error(error.code, error.help); }
 * ```
 */
export abstract class KelvinError extends Error {
  readonly code: string;
  readonly expected: string | undefined;
  readonly got: string | undefined;
  readonly help: string | undefined;

  constructor(summary: string, details: ErrorDetails) {
    super(compose(summary, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.expected = details.expected;
    this.got = details.got;
    this.help = details.help;
  }
}

/** A wrong option, a module that lacks a hook, parts that do not fit together: mend the program. */
export class ConfigError extends KelvinError {}

/** Data that cannot be read or does not fit: names the file, the sample or the batch. */
export class DataError extends KelvinError {}

/** An engine that cannot be started, or an operation that it cannot do. */
export class BackendError extends KelvinError {}

/** A checkpoint that is missing, damaged or made for another model. */
export class CheckpointError extends KelvinError {}

/** A loss or gradient that is NaN or infinite. */
export class NonFiniteError extends KelvinError {}

function compose(summary: string, { expected, got, help }: ErrorDetails): string {
  const facts = [expected && `expected ${expected}`, got && `got ${got}`].filter(Boolean).join(', ');
  return [facts ? `${summary}: ${facts}.` : `${summary}.`, help && `  help: ${help}`].filter(Boolean).join('\n');
}

/**
 * Prints any value briefly for an error text: `3.5 (number)`, `'adam' (string)`, `[1, 2] (array)`, `undefined`.
 * Never throws, never prints more than about 80 characters.
 */
export function show(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'function') return value.name ? `${value.name} (function)` : 'a function';
  if (typeof value === 'string') return `${quote(shorten(value))} (string)`;
  if (typeof value === 'object' && !Array.isArray(value)) {
    const name = (value as object).constructor?.name;
    if (name !== undefined && name !== 'Object') return `an instance of ${name}`;
  }
  return `${shorten(printable(value))} (${Array.isArray(value) ? 'array' : typeof value})`;
}

function printable(value: unknown): string {
  if (typeof value !== 'object') return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

const quote = (text: string): string => `'${text}'`;

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
