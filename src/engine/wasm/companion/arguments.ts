/** Arguments of routines that several threads share: each part of the work gets its own, computed from what part it is. */

/** base + start · perStart + count · perCount + thread · perThread, for the part [start, start + count) of the work. */
export interface Part {
  readonly base: number;
  readonly perStart: number;
  readonly perCount: number;
  readonly perThread: number;
}

/** A number that is the same for all parts, or one of each part's own. */
export type Argument = number | Part;

/** Where a part's values begin: `address` plus `bytes` for each unit of work before it. */
export const along = (address: number, bytes: number): Part => part(address, bytes, 0, 0);

/** Room of its own for each thread, `bytes` long, from `address` on. */
export const ownRoom = (address: number, bytes: number): Part => part(address, 0, 0, bytes);

/** The part's first unit, the one after its last, and how many it has. */
export const START: Part = part(0, 1, 0, 0);
export const END: Part = part(0, 1, 1, 0);
export const COUNT: Part = part(0, 0, 1, 0);

/** The arguments of all the work as one part, on the first thread. */
export const wholeOf = (given: readonly Argument[], units: number): number[] =>
  given.map((one) => (typeof one === 'number' ? one : one.base + units * one.perCount));

function part(base: number, perStart: number, perCount: number, perThread: number): Part {
  return { base, perStart, perCount, perThread };
}
