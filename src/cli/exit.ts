/** How the program ends: exit codes, and what is printed of an error. */
import { CommanderError } from 'commander';
import { KelvinError, messageOf } from '../core/errors.ts';
import { type Io, note } from './io.ts';

/** 0 done, 1 failed, 2 wrong use, 130 interrupted by Ctrl-C. */
export const EXIT = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const;

/** An exit code of the program. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command line or the configuration file is wrong. */
export class UsageError extends KelvinError {}

/** Prints an error as people need it and gives the exit code. Commander has printed its own errors already. */
export function exitWith(error: unknown, io: Io, { debug }: { debug: boolean }): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUse;
  if (error instanceof KelvinError) {
    note(io, debug ? withCauses(error) : `error: ${error.message}`);
    return error instanceof UsageError ? EXIT.wrongUse : EXIT.failed;
  }
  note(io, withCauses(error)); // a mistake in the user's module, or ours: the stack says where
  return EXIT.failed;
}

function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${withCauses(error.cause)}`;
}
