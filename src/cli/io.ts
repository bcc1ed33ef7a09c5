/** Where the command line reads and writes: results go to stdout, everything else to stderr. */
import type { Output } from '../callbacks/output.ts';

/** The streams of a run of the program. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Prints a result. */
export function say(io: Io, ...lines: readonly string[]): void {
  for (const line of lines) io.stdout.write(`${line}\n`);
}

/** Prints what is no result: progress, notices. */
export function note(io: Io, ...lines: readonly string[]): void {
  for (const line of lines) io.stderr.write(`${line}\n`);
}
