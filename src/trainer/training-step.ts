/**
 * One training batch: forward, backward, and, when the accumulation window closes, clipping and the optimizer's step.
 * Everything that a step makes is disposed of here, also when a hook throws.
 */
import type { Gradients, StepOutput } from '../core/contracts.ts';
import { batchSizeOf, disposeTensors, isPlainObject, keepTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { ResolvedOptimizer } from '../module/optimizer-config.ts';
import type { Optimizer } from '../optim/index.ts';
import { branches, takesBatchIdx } from './compile/refusals.ts';
import { checkLoss, lossesOf, lossOf, withoutMissing } from './loss.ts';
import { trainByHand } from './manual-step.ts';
import { parametersOf } from './optimization.ts';
import { refusePromise } from './outputs.ts';
import type { Session } from './session.ts';
import { anchor, SeveralGradients } from './several-losses.ts';
import { explainStepError } from './step-errors.ts';
import { dropTape } from './tape.ts';

/** What the forward and backward pass leave behind. All tensors are kept and belong to the caller. */
interface Differentiated {
  readonly output: StepOutput;
  readonly gradients: Record<string, tf.Tensor>;
}

/** Trains on one batch; a compiled step is over at once. The output's tensors belong to the caller. */
export function trainOnBatch(
  session: Session,
  batch: unknown,
  batchIdx: number,
  isLast: boolean,
): StepOutput | Promise<StepOutput> {
  if (session.compiled === undefined) return trainEagerly(session, batch, batchIdx, isLast);
  return session.compiled.train(batch, batchIdx, isLast, () => trainEagerly(session, batch, batchIdx, isLast));
}

async function trainEagerly(session: Session, batch: unknown, batchIdx: number, isLast: boolean): Promise<StepOutput> {
  const { window } = session;
  if (!session.module.automaticOptimization) return trainByHand(session, batch, batchIdx);
  const pass = session.instruments.measure('forwardAndBackward', 'step', () => differentiate(session, batch, batchIdx));
  try {
    if (pass !== undefined) {
      checkLoss(session, pass.output.loss as tf.Scalar, batchIdx);
      await session.hooks.fire('afterBackward');
      const single = window.batches === 0 && (session.accumulateGradBatches === 1 || isLast);
      session.within(() => window.add(pass.gradients, single ? 1 : (batchSizeOf(batch) ?? 1), { single }));
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
  const { window, progress, optimization } = session;
  session.windowBatch = 0;
  progress.closedWindows++;
  if (window.batches === 0) return; // every step of the window returned nothing
  const gradients = session.within(() => window.close());
  try {
    let steps = 0;
    for (const each of optimization.all) {
      const own = optimization.all.length === 1 ? gradients : gradientsOf(each, gradients);
      if (own !== undefined) steps += await stepOptimizer(session, each.optimizer, own, batchIdx);
    }
    if (steps > 0) progress.optimizerStep++;
  } finally {
    disposeTensors(gradients);
  }
}

/** The gradients of an optimizer's parameters; `undefined` when the window has none. */
export function gradientsOf({ optimizer }: ResolvedOptimizer, gradients: Gradients): Gradients | undefined {
  const own = parametersOf(optimizer).flatMap(({ name }) => {
    const gradient = gradients[name];
    return gradient === undefined ? [] : [[name, gradient] as const];
  });
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** Clips and steps. Returns the number of steps taken: 0 when the module left it out. */
async function stepOptimizer(
  session: Session,
  optimizer: Optimizer,
  gradients: Gradients,
  batchIdx: number,
): Promise<number> {
  const { module, hooks, progress } = session;
  await hooks.fire('beforeOptimizerStep', optimizer, gradients);
  let steps = 0;
  const update = (): void => {
    const clipped = clip(session, optimizer, gradients);
    const apply = (): void => {
      optimizer.step(clipped);
      steps = 1;
    };
    const step = (): void => module.optimizerStep(progress.epoch, batchIdx, optimizer, apply);
    refusePromise(`${module.constructor.name}.optimizerStep`, hooks.inStep('optimizerStep', step));
  };
  session.within(() => tf.tidy(update));
  return steps;
}

function clip({ module, hooks, options }: Session, optimizer: Optimizer, gradients: Gradients): Gradients {
  const clipping = { value: options.gradientClipVal, algorithm: options.gradientClipAlgorithm };
  const clipped = hooks.inStep('configureGradientClipping', () =>
    module.configureGradientClipping(optimizer, gradients, clipping),
  );
  return refusePromise(`${module.constructor.name}.configureGradientClipping`, clipped);
}

/** Forward and backward pass in one tidy. `undefined` when the step returned nothing: the batch is skipped. */
function differentiate(session: Session, batch: unknown, batchIdx: number): Differentiated | undefined {
  const { module, hooks } = session;
  const { all, parameters } = session.optimization;
  let extras: Record<string, unknown> = {};
  let several: SeveralGradients | undefined;
  const forward = (): tf.Scalar => {
    const result: unknown = hooks.inStep('trainingStep', () => module.trainingStep(batch as never, batchIdx));
    if (result === undefined || result === null) throw new SkippedBatch();
    const isObject = isPlainObject(result);
    const losses = isObject && hasLosses(result) ? lossesOf(module.constructor.name, result.losses, all) : undefined;
    if (losses !== undefined && takesBatchIdx(module)) session.compiled?.refuse(branches(module.constructor.name));
    const loss = losses === undefined ? lossOf(module.constructor.name, result) : undefined;
    if (isObject) {
      const { loss: _, ...others } = result;
      extras = keepTensors(others);
    }
    if (session.window.batches === 0) for (const { optimizer } of all) hooks.fire('beforeZeroGrad', optimizer);
    if (loss !== undefined) {
      hooks.fire('beforeBackward', loss);
      return loss;
    }
    several = new SeveralGradients();
    several.add(losses ?? [], (each) => void hooks.fire('beforeBackward', each));
    return anchor(parameters);
  };
  try {
    const { value, grads } = session.within(() => tf.tidy(() => tf.variableGrads(forward, parameters)));
    if (several === undefined) return { output: { ...extras, loss: value }, gradients: withoutMissing(grads) };
    disposeTensors([value, grads]);
    const { gradients } = several;
    const output = session.within(() => (several as SeveralGradients).output(extras));
    return { output, gradients };
  } catch (error) {
    dropTape();
    disposeTensors(extras);
    several?.dispose();
    if (error instanceof SkippedBatch) return undefined;
    throw explainStepError(error, module.constructor.name);
  }
}

/** Whether a step returned a loss for each of several optimizers. */
export const hasLosses = (result: Readonly<Record<string, unknown>>): boolean =>
  result.loss === undefined && result.losses !== undefined;

/** Leaves the forward pass when the step returned no loss. */
class SkippedBatch extends Error {}
