/** A compiled training step, run: fed with its batch, and entered into the trainer's books as an eager one would be. */
import type { StepOutput } from '../../core/contracts.ts';
import { batchSizeOf, share } from '../../core/tensors.ts';
import type * as tf from '../../core/tf.ts';
import { NonFiniteStep } from '../../engine/compile/index.ts';
import { RuleOptimizer } from '../../optim/rule-optimizer.ts';
import { nonFiniteLoss } from '../loss.ts';
import type { Session } from '../session.ts';
import { runPlan, type StepPlan } from './compiled-step.ts';
import type { Phase } from './phase.ts';
import { placeName } from './places.ts';
import type { StepCache } from './step-cache.ts';
import { WINDOW, withSums } from './window-sums.ts';

/** The batch that a step is run with. */
export interface TrainedBatch {
  readonly batch: unknown;
  readonly batchIdx: number;
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
}

/**
 * Runs a step that is ready. The output's tensors belong to the caller.
 *
 * @throws NonFiniteError when the loss is not finite: nothing has changed then
 */
export function runCompiled(
  session: Session,
  cache: StepCache,
  { closes, works }: Phase,
  { batch, batchIdx, tensors }: TrainedBatch,
): StepOutput {
  const { window, desk, progress } = session;
  const plan = cache.plan as StepPlan;
  const inputs = window.batches === 0 ? tensors : withSums(tensors, window.state().sums);
  const sums: Record<string, tf.Tensor> = {};
  const gather = (name: string, tensor: tf.Tensor): void => {
    if (name.startsWith(WINDOW)) sums[name.slice(WINDOW.length)] = share(tensor);
  };
  const take = closes ? undefined : gather;
  const samples = batchSizeOf(batch) ?? 1;
  window.expect(samples);
  let output: StepOutput;
  try {
    output = runPlan(plan, inputs, { batchIdx, desk, take });
  } catch (error) {
    window.forget(samples);
    throw error instanceof NonFiniteStep ? nonFiniteLoss(session, batchIdx, 'NaN or infinite') : error;
  }
  session.windowBatch++;
  if (!closes) {
    window.replace(sums);
    return output;
  }
  window.clear();
  session.windowBatch = 0;
  progress.closedWindows++;
  if (!plan.stepped.includes(true)) return output;
  for (const [i, { optimizer }] of session.optimization.all.entries()) {
    if (!plan.stepped[i] || !(optimizer instanceof RuleOptimizer)) continue;
    optimizer.countStep((param) => cache.updated.has(placeName(param)));
  }
  progress.optimizerStep++;
  for (const work of works) work.count(progress.optimizerStep);
  return output;
}
