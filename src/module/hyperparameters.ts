/** Hyper-parameters as they are logged and saved: what of a constructor's options survives JSON. */
import type { HyperParameters } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { isPlainObject } from '../core/tensors.ts';

/**
 * The part of `given` that is plain data. Models, functions and other objects with a class are left out.
 *
 * @throws ConfigError `invalid-option` when it is not an object
 */
export function plainHyperparameters(moduleName: string, given: unknown): HyperParameters {
  if (!isPlainObject(given)) {
    throw new ConfigError(`${moduleName}.saveHyperparameters`, {
      code: 'invalid-option',
      expected: 'an object with the options of the constructor',
      got: show(given),
    });
  }
  const json = JSON.stringify(given, (_, value: unknown) => (isSaveable(value) ? value : undefined));
  return JSON.parse(json) as HyperParameters;
}

function isSaveable(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return false;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return true;
  return isPlainObject(value);
}
