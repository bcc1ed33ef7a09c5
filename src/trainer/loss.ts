/** The loss of a training step: told from what the step returned, checked to be a scalar and to be finite. */
import type { Gradients } from '../core/contracts.ts';
import { ConfigError, NonFiniteError, show } from '../core/errors.ts';
import { isPlainObject, readScalar } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { readsAreCheap } from '../engine/info.ts';
import type { ResolvedOptimizer } from '../module/optimizer-config.ts';
import { refusePromise } from './outputs.ts';
import type { Session } from './session.ts';

/**
 * The loss in what a training step returned.
 *
 * @throws ConfigError `invalid-step-result`, `asynchronous-step`, `loss-not-scalar`
 */
export function lossOf(moduleName: string, result: unknown): tf.Scalar {
  const loss = isPlainObject(result) ? result.loss : result;
  if (!(loss instanceof tf.Tensor)) {
    refusePromise(`${moduleName}.trainingStep`, result);
    throw new ConfigError(`${moduleName}.trainingStep`, {
      code: 'invalid-step-result',
      expected: 'the loss as a tensor, or an object with `loss`, or nothing',
      got: show(result),
    });
  }
  return asScalar(`${moduleName}.trainingStep: the loss`, loss);
}

/** A tensor with one element as a scalar. Any other is an error. */
export function asScalar(owner: string, loss: tf.Tensor): tf.Scalar {
  if (loss.size === 1) return loss.rank === 0 ? (loss as tf.Scalar) : tf.reshape(loss, []);
  throw new ConfigError(owner, {
    code: 'loss-not-scalar',
    expected: 'a scalar',
    got: `shape [${loss.shape}]`,
    help: 'take its mean: `loss.mean()`',
  });
}

/** A loss and the optimizer that minimizes it. */
export interface OptimizerLoss {
  readonly loss: tf.Scalar;
  readonly by: ResolvedOptimizer;
}

/**
 * The losses of several optimizers in what a step returned, by optimizer; one that is left out takes no step.
 *
 * @throws ConfigError `unknown-optimizer`, `invalid-step-result`, `loss-not-scalar`
 */
export function lossesOf(moduleName: string, losses: unknown, all: readonly ResolvedOptimizer[]): OptimizerLoss[] {
  const owner = `${moduleName}.trainingStep: losses`;
  const names = all.map(({ name }) => name);
  if (!isPlainObject(losses) || Object.keys(losses).length === 0) {
    throw new ConfigError(owner, {
      code: 'invalid-step-result',
      expected: `a loss for one or more of the optimizers ${names.join(', ')}`,
      got: show(losses),
    });
  }
  const stranger = Object.keys(losses).find((name) => !names.includes(name));
  if (stranger !== undefined) {
    throw new ConfigError(owner, {
      code: 'unknown-optimizer',
      expected: `names of optimizers: ${names.join(', ')}`,
      got: `'${stranger}'`,
      help: 'name them in `configureOptimizers`: [{ name, optimizer }, …]',
    });
  }
  return all.flatMap((by) => {
    const loss = losses[by.name];
    if (loss === undefined) return [];
    if (!(loss instanceof tf.Tensor)) {
      throw new ConfigError(`${owner}.${by.name}`, {
        code: 'invalid-step-result',
        expected: 'the loss as a tensor',
        got: show(loss),
      });
    }
    return [{ loss: asScalar(`${owner}.${by.name}`, loss), by }];
  });
}

/** Gradients without those of variables that the loss does not depend on. */
export function withoutMissing(gradients: Gradients): Record<string, tf.Tensor> {
  const present: Record<string, tf.Tensor> = {};
  for (const name in gradients) {
    const gradient = gradients[name] as tf.Tensor | null;
    if (gradient !== null) present[name] = gradient;
  }
  return present;
}

/** Reads the loss where that is cheap, else when a row is due anyway, and stops before a bad gradient is applied. */
export function checkLoss(session: Session, loss: tf.Scalar, batchIdx: number): void {
  const { options, progress } = session;
  if (!options.terminateOnNaN) return;
  const every = options.logEveryNSteps || 50;
  if (!readsAreCheap() && (progress.globalBatch + 1) % every !== 0) return;
  const value = readScalar(loss);
  if (!Number.isFinite(value)) throw nonFiniteLoss(session, batchIdx, String(value));
}

/** The error for a loss that is no number. */
export function nonFiniteLoss({ progress }: Session, batchIdx: number, got: string): NonFiniteError {
  return new NonFiniteError(
    `The loss of epoch ${progress.epoch}, batch ${batchIdx} (optimizer step ${progress.optimizerStep})`,
    {
      code: 'non-finite-loss',
      expected: 'a finite number',
      got,
      help: 'lower the learning rate, set `gradientClipVal`, or look at this batch; the weights are those before it. `terminateOnNaN: false` goes on regardless',
    },
  );
}
