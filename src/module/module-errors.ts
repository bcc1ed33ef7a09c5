/** What a module says when it is asked for something that it does not have. */
import { ConfigError } from '../core/errors.ts';

/** The error for a prediction of a module that cannot predict. */
export function withoutForward(moduleName: string): ConfigError {
  return new ConfigError(`${moduleName}.predictStep`, {
    code: 'no-forward',
    expected: 'the module to have `forward` or `predictStep`',
    got: 'neither',
  });
}

/** The error for `this.trainer` outside of a run. */
export function notAttached(moduleName: string): ConfigError {
  return new ConfigError(`${moduleName}.trainer`, {
    code: 'not-attached',
    expected: 'the module to be in a trainer',
    got: 'a module that no trainer runs',
    help: 'use it in hooks and steps, while `fit`, `validate`, `test` or `predict` runs',
  });
}
