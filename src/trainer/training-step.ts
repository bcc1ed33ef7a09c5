/**
 * One training batch: forward, backward, and, when the accumulation window closes, clipping and the optimizer's step.
 * Everything that a step makes is disposed of here, also when a hook throws.
 */
import type { Gradients, StepOutput } from '../core/contracts.ts';
import { ConfigError, NonFiniteError, show } from '../core/errors.ts';
import { batchSizeOf, disposeTensors, isPlainObject, readScalar } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { readsAreCheap } from '../engine/info.ts';
import { keepTensors, refusePromise } from './outputs.ts';
import type { Session } from './session.ts';
import { explainStepError } from './step-errors.ts';
import { dropTape } from './tape.ts';

/** What the forward and backward pass leave behind. All tensors are kept and belong to the caller. */
interface Differentiated {
  readonly output: StepOutput;
  readonly gradients: Record<string, tf.Tensor>;
}

/** Trains on one batch. The output's tensors belong to the caller. */
export async function trainOnBatch(
  session: Session,
  batch: unknown,
  batchIdx: number,
  isLast: boolean,
): Promise<StepOutput> {
  const { window } = session;
  const pass = differentiate(session, batch, batchIdx);
  try {
    if (pass !== undefined) {
      checkLoss(session, pass.output.loss as tf.Scalar, batchIdx);
      await session.hooks.fire('afterBackward');
      const single = window.batches === 0 && (session.accumulateGradBatches === 1 || isLast);
      window.add(pass.gradients, single ? 1 : (batchSizeOf(batch) ?? 1), { single });
    }
  } catch (error) {
    disposeTensors([pass?.output, pass?.gradients]);
    throw error;
  }
  try {
    session.windowBatch++;
    if (session.windowBatch >= session.accumulateGradBatches || isLast) await closeWindow(session, batchIdx);
  } catch (error) {
    disposeTensors(pass?.output);
    throw error;
  }
  return pass?.output ?? {};
}

/** Updates the parameters with the gradients of the window. */
async function closeWindow(session: Session, batchIdx: number): Promise<void> {
  const { window, module, progress, hooks } = session;
  const { optimizer } = session.optimization;
  session.windowBatch = 0;
  progress.closedWindows++;
  if (window.batches === 0) return; // every step of the window returned nothing
  const gradients = window.close();
  try {
    await hooks.fire('beforeOptimizerStep', optimizer, gradients);
    let steps = 0;
    tf.tidy(() => {
      const clipped = clip(session, gradients);
      const apply = (): void => {
        optimizer.step(clipped);
        steps = 1;
      };
      const step = (): void => module.optimizerStep(progress.epoch, batchIdx, optimizer, apply);
      refusePromise(`${module.constructor.name}.optimizerStep`, hooks.inStep('optimizerStep', step));
    });
    progress.optimizerStep += steps;
  } finally {
    disposeTensors(gradients);
  }
}

function clip({ module, hooks, options, optimization }: Session, gradients: Gradients): Gradients {
  const clipping = { value: options.gradientClipVal, algorithm: options.gradientClipAlgorithm };
  const clipped = hooks.inStep('configureGradientClipping', () =>
    module.configureGradientClipping(optimization.optimizer, gradients, clipping),
  );
  return refusePromise(`${module.constructor.name}.configureGradientClipping`, clipped);
}

/** Forward and backward pass in one tidy. `undefined` when the step returned nothing: the batch is skipped. */
function differentiate(session: Session, batch: unknown, batchIdx: number): Differentiated | undefined {
  const { module, hooks } = session;
  const { optimizer, parameters } = session.optimization;
  let extras: Record<string, unknown> = {};
  const forward = (): tf.Scalar => {
    const result: unknown = hooks.inStep('trainingStep', () => module.trainingStep(batch as never, batchIdx));
    if (result === undefined || result === null) throw new SkippedBatch();
    const loss = lossOf(module.constructor.name, result);
    if (isPlainObject(result)) {
      const { loss: _, ...others } = result;
      extras = keepTensors(others);
    }
    if (session.window.batches === 0) hooks.fire('beforeZeroGrad', optimizer);
    hooks.fire('beforeBackward', loss);
    return loss;
  };
  try {
    const { value, grads } = tf.tidy(() => tf.variableGrads(forward, parameters));
    return { output: { ...extras, loss: value }, gradients: withoutMissing(grads) };
  } catch (error) {
    dropTape();
    disposeTensors(extras);
    if (error instanceof SkippedBatch) return undefined;
    throw explainStepError(error, module.constructor.name);
  }
}

/** Leaves the forward pass when the step returned no loss. */
class SkippedBatch extends Error {}

function lossOf(moduleName: string, result: unknown): tf.Scalar {
  const loss = isPlainObject(result) ? result.loss : result;
  if (!(loss instanceof tf.Tensor)) {
    refusePromise(`${moduleName}.trainingStep`, result);
    throw new ConfigError(`${moduleName}.trainingStep`, {
      code: 'invalid-step-result',
      expected: 'the loss as a tensor, or an object with `loss`, or nothing',
      got: show(result),
    });
  }
  if (loss.size === 1) return loss.rank === 0 ? (loss as tf.Scalar) : tf.reshape(loss, []);
  throw new ConfigError(`${moduleName}.trainingStep: the loss`, {
    code: 'loss-not-scalar',
    expected: 'a scalar',
    got: `shape [${loss.shape}]`,
    help: 'take its mean: `loss.mean()`',
  });
}

function withoutMissing(gradients: Gradients): Record<string, tf.Tensor> {
  const present: Record<string, tf.Tensor> = {};
  for (const name in gradients) {
    const gradient = gradients[name] as tf.Tensor | null;
    if (gradient !== null) present[name] = gradient;
  }
  return present;
}

/** Reads the loss where that is cheap, else when a row is due anyway, and stops before a bad gradient is applied. */
function checkLoss(session: Session, loss: tf.Scalar, batchIdx: number): void {
  const { options, progress } = session;
  if (!options.terminateOnNaN) return;
  const every = options.logEveryNSteps || 50;
  if (!readsAreCheap() && (progress.globalBatch + 1) % every !== 0) return;
  const value = readScalar(loss);
  if (Number.isFinite(value)) return;
  throw new NonFiniteError(
    `The loss of epoch ${progress.epoch}, batch ${batchIdx} (optimizer step ${progress.optimizerStep})`,
    {
      code: 'non-finite-loss',
      expected: 'a finite number',
      got: String(value),
      help: 'lower the learning rate, set `gradientClipVal`, or look at this batch; the weights are those before it. `terminateOnNaN: false` goes on regardless',
    },
  );
}
