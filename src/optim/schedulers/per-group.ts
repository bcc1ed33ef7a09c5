/** Options of schedulers that may differ by parameter group, and what a scheduler asks of an optimizer. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import type { Optimizer } from '../optimizer.ts';

/** One number of at least 0 for all groups, or one per group. */
export function perGroup() {
  const error = 'a number of at least 0, or one per parameter group';
  const number = z.number({ error }).min(0, { error });
  return z.union([number, z.array(number, { error })], { error });
}

/** The number of one group. */
export function forGroup(given: number | readonly number[], group: number): number {
  return typeof given === 'number' ? given : (given[group] ?? (given.at(-1) as number));
}

/** Throws when there are several numbers, but not one per group. */
export function checkCount(
  owner: string,
  option: string,
  given: number | readonly number[] | undefined,
  optimizer: Optimizer,
): void {
  const groups = optimizer.paramGroups.length;
  if (typeof given !== 'object' || given.length === groups) return;
  throw new ConfigError(`${owner}: option \`${option}\``, {
    code: 'invalid-option',
    expected: `one number, or ${groups}: one per parameter group`,
    got: `${given.length}`,
  });
}

/** Throws unless every group has a momentum or betas to cycle. */
export function checkMomentum(owner: string, optimizer: Optimizer): void {
  if (optimizer.paramGroups.every((group) => group.betas !== undefined || group.momentum !== undefined)) return;
  throw new ConfigError(`${owner}: ${optimizer.type} has neither momentum nor betas to cycle`, {
    code: 'no-momentum',
    help: 'set cycleMomentum: false',
  });
}
