/**
 * Manual optimization: the training step differentiates and steps the optimizers itself, through `manualBackward` and
 * `optimizer.step`. A batch in which any of them stepped is one training step; each optimizer counts its own besides.
 */
import type { Gradients, StepOutput } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { isPlainObject, keepTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { ManualOptimizer, ModuleHost } from '../module/module-host.ts';
import type { ResolvedOptimizer } from '../module/optimizer-config.ts';
import { asScalar, checkLoss, withoutMissing } from './loss.ts';
import { parametersOf } from './optimization.ts';
import type { ResolvedTrainerOptions } from './options.ts';
import { refusePromise } from './outputs.ts';
import type { Session } from './session.ts';
import { explainStepError } from './step-errors.ts';
import { dropTape } from './tape.ts';

type ManualControl = ReturnType<ModuleHost['manual']>;

/** Runs the training step of a module that optimizes by hand. The output's tensors belong to the caller. */
export function trainByHand(session: Session, batch: unknown, batchIdx: number): StepOutput {
  const { module, hooks, progress } = session;
  let output: StepOutput = {};
  session.handSteps = 0;
  try {
    const train = (): void => {
      const step = (): unknown => module.trainingStep(batch as never, batchIdx);
      const result: unknown = refusePromise(
        `${module.constructor.name}.trainingStep`,
        hooks.inStep('trainingStep', step),
      );
      const named = result instanceof tf.Tensor ? { loss: result } : result;
      output = keepTensors(isPlainObject(named) ? named : {});
    };
    session.within(() => tf.tidy(train));
  } catch (error) {
    dropTape();
    throw explainStepError(error, module.constructor.name);
  }
  progress.closedWindows++;
  if (session.handSteps > 0) progress.optimizerStep++;
  return output;
}

/**
 * What a module needs to optimize by hand.
 *
 * @throws ConfigError `not-manual` when it is the trainer who optimizes, or nothing is trained
 */
export function manualControl(session: Session): ManualControl {
  const { module, stage } = session;
  if (module.automaticOptimization || stage !== 'fit' || !session.hasOptimization) {
    throw new ConfigError(`${module.constructor.name}: manual optimization`, {
      code: 'not-manual',
      expected: 'a module with `automaticOptimization = false`, while `fit` trains it',
      got: module.automaticOptimization ? 'a module that the trainer optimizes' : 'one that is not being trained',
    });
  }
  return {
    optimizers: session.optimization.all.map((each) => manualOptimizer(session, each)),
    schedulers: session.optimization.schedulers.map(({ scheduler }) => scheduler),
    backward: (loss, optimizer) => backward(session, loss, optimizer),
  };
}

/**
 * Refuses flags that only the trainer's own optimization follows.
 *
 * @throws ConfigError `manual-optimization`
 */
export function refuseAutomaticFlags(
  moduleName: string,
  { gradientClipVal, accumulateGradBatches }: ResolvedTrainerOptions,
): void {
  const flag =
    gradientClipVal !== undefined ? 'gradientClipVal' : accumulateGradBatches > 1 ? 'accumulateGradBatches' : undefined;
  if (flag === undefined) return;
  throw new ConfigError(`Trainer: option \`${flag}\``, {
    code: 'manual-optimization',
    expected: `to be left out, since ${moduleName} optimizes by hand`,
    help: `do it in \`trainingStep\`, or leave out \`automaticOptimization = false\``,
  });
}

function backward(session: Session, compute: () => tf.Tensor, given: ManualOptimizer | undefined): Gradients {
  const { module, hooks, optimization } = session;
  const owner = `${module.constructor.name}.manualBackward`;
  refuseOutsideStep(session, owner);
  const parameters = given === undefined ? optimization.parameters : parametersOf(given.optimizer);
  const { value, grads } = tf.variableGrads(() => {
    const loss = asScalar(`${owner}: the loss`, refusePromise(owner, compute()));
    hooks.fire('beforeBackward', loss);
    return loss;
  }, parameters);
  const look = (): void => checkLoss(session, value, session.progress.epochBatch);
  if (session.compiled === undefined || !session.options.terminateOnNaN) look();
  else session.compiled.checkLoss(value, look);
  refusePromise('onAfterBackward, in manual optimization,', hooks.fire('afterBackward'));
  return withoutMissing(grads);
}

function manualOptimizer(session: Session, { name, optimizer }: ResolvedOptimizer): ManualOptimizer {
  return {
    name,
    optimizer,
    get lr() {
      session.compiled?.refuse(`it asks for the learning rate of '${name}'`);
      return optimizer.lr;
    },
    set lr(rate: number) {
      optimizer.lr = rate;
    },
    get stepCount() {
      session.compiled?.refuse(`it asks for the steps of '${name}'`);
      return optimizer.stepCount;
    },
    step(gradients: Gradients) {
      refuseOutsideStep(session, `Optimizer '${name}': step`);
      const heard = session.hooks.fire('beforeOptimizerStep', optimizer, gradients);
      refusePromise('onBeforeOptimizerStep, in manual optimization,', heard);
      tf.tidy(() => optimizer.step(gradients));
      session.handSteps++;
    },
  };
}

function refuseOutsideStep({ hooks, module }: Session, owner: string): void {
  if (hooks.current === 'trainingStep') return;
  throw new ConfigError(owner, {
    code: 'outside-of-step',
    expected: `to be called in ${module.constructor.name}.trainingStep`,
    got: hooks.current === undefined ? 'called outside of all hooks and steps' : `called in ${hooks.current}`,
  });
}
