/** What steps return: their tensors are brought out of the step's tidy, shared, so that they have an owner of their own. */
import { ConfigError } from '../core/errors.ts';
import type { LogHook } from '../core/hooks.ts';
import { isPlainObject, isThenable, keepTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { Session } from './session.ts';
import { explainStepError } from './step-errors.ts';

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

/** The methods whose tensors are tidied up when they return. */
const SYNCHRONOUS = [
  'trainingStep',
  'validationStep',
  'testStep',
  'predictStep',
  'optimizerStep',
  'configureGradientClipping',
  'lrSchedulerStep',
] as const;

/**
 * Refuses `async` methods before they are called: what they make after an `await` belongs to no tidy, and nobody would
 * dispose of it.
 *
 * @throws ConfigError `asynchronous-step`
 */
export function refuseAsynchronousSteps(module: LightningModule<never>): void {
  for (const name of SYNCHRONOUS) {
    const method: unknown = module[name];
    if (method instanceof AsyncFunction) throw asynchronous(`${module.constructor.name}.${name}`);
  }
}

/** Passes on what a synchronous method returned; a promise is an error, and a loss that it comes to is disposed of. */
export function refusePromise<T>(owner: string, result: T): T {
  if (!isThenable(result)) return result;
  result.then(
    (late: unknown) => {
      const loss = isPlainObject(late) ? late.loss : late;
      if (loss instanceof tf.Tensor && !(loss instanceof tf.Variable)) loss.dispose();
    },
    () => {}, // why it failed is of no interest any more
  );
  throw asynchronous(owner);
}

const AsyncFunction = (async () => {}).constructor as FunctionConstructor;

function asynchronous(owner: string): ConfigError {
  return new ConfigError(owner, {
    code: 'asynchronous-step',
    expected: 'a synchronous method, since its tensors are tidied up when it returns',
    got: 'a promise',
    help: 'leave out `async`; wait for things in a hook, such as `onTrainBatchStart`, or in the data loader',
  });
}
