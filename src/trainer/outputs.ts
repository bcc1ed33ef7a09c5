/** What steps return: their tensors are brought out of the step's tidy, shared, so that they have an owner of their own. */
import { ConfigError } from '../core/errors.ts';
import type { LogHook } from '../core/hooks.ts';
import { isPlainObject, isThenable, share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { Session } from './session.ts';
import { explainStepError } from './step-errors.ts';

/**
 * The same value with every tensor in it shared and kept beyond the running tidy; arrays, plain objects and Maps are
 * copied. Whatever the step returned - a part of the batch, a variable, a tensor of its own - disposing of the copy
 * harms nobody.
 */
export function keepTensors<T>(value: T): T;
export function keepTensors(value: unknown): unknown {
  if (value instanceof tf.Tensor) return share(value);
  if (Array.isArray(value)) return value.map((item: unknown) => keepTensors(item));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, keepTensors(item)]));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, keepTensors(item)]));
}

/**
 * Runs an evaluation or prediction step in a tidy and keeps what it returns.
 *
 * @throws ConfigError `asynchronous-step` when it returns a promise
 */
export function runStep({ module, hooks }: Session, name: LogHook, step: () => unknown): unknown {
  const moduleName = module.constructor.name;
  let output: unknown;
  try {
    tf.tidy(() => {
      output = keepTensors(refusePromise(`${moduleName}.${name}`, hooks.inStep(name, step)));
    });
  } catch (error) {
    throw explainStepError(error, moduleName);
  }
  return output;
}

/** Passes on what a synchronous method returned; a promise is an error. */
export function refusePromise<T>(owner: string, result: T): T {
  if (!isThenable(result)) return result;
  result.then(undefined, () => {}); // what it comes to is of no interest any more
  throw new ConfigError(owner, {
    code: 'asynchronous-step',
    expected: 'a synchronous method, since its tensors are tidied up when it returns',
    got: 'a promise',
    help: 'leave out `async`; wait for things in a hook, such as `onTrainBatchStart`, or in the data loader',
  });
}
