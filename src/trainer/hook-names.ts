/** Finds hooks that are misspelled: `onTrainEpochEnds` would otherwise never be called, and nobody would say so. */
import { ConfigError } from '../core/errors.ts';
import { HOOK_NAMES, HOOKS, hookMethod } from '../core/hooks.ts';
import { nearest } from '../core/options.ts';
import { TRANSFER_HOOKS } from '../module/batch-transfer.ts';

const KNOWN: Readonly<Record<'callback' | 'module' | 'data module', readonly string[]>> = {
  callback: HOOK_NAMES.filter((name) => HOOKS[name].receivers !== 'M').map((name) => hookMethod(name) as string),
  module: [
    ...HOOK_NAMES.filter((name) => HOOKS[name].receivers !== 'C').map((name) => hookMethod(name) as string),
    ...TRANSFER_HOOKS,
  ],
  'data module': ['onException', ...TRANSFER_HOOKS],
};

/**
 * Refuses methods that are a letter or two away from a hook. Other methods that begin with `on` are the object's own
 * business.
 *
 * @throws ConfigError `unknown-hook`
 */
export function refuseMisspelledHooks(kind: keyof typeof KNOWN, subject: object): void {
  const known = KNOWN[kind];
  for (const name of methodNames(subject)) {
    if (!/^on[A-Z]/.test(name) || known.includes(name)) continue;
    const meant = nearest(name, known, 2);
    if (meant === undefined) continue;
    throw new ConfigError(`${subject.constructor.name}.${name}`, {
      code: 'unknown-hook',
      expected: `the name of a ${kind}'s hook`,
      got: 'one that is never called',
      help: `did you mean \`${meant}\`?`,
    });
  }
}

function methodNames(subject: object): Set<string> {
  const names = new Set<string>();
  for (let level = subject; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name);
  }
  return names;
}
