/** Takes a step back: what the trainer, the optimizers, the variables and the random stream were before it. */
import { globalRandom } from '../../core/seed.ts';
import { share } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import { RuleOptimizer } from '../../optim/rule-optimizer.ts';
import type { Session } from '../session.ts';

/** Notes how things are; what it returns puts them back. Call that once, also after an error. */
export function rememberStep(session: Session): () => void {
  const { window, progress, optimization, windowBatch } = session;
  const counters = { ...progress };
  const random = globalRandom().state();
  const { sums, ...counts } = window.state();
  const heldSums = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, share(sum)]));
  const variables = Object.values(tf.engine().registeredVariables as Record<string, tf.Variable>);
  const values = variables.map((variable) => [variable, share(variable as tf.Tensor)] as const);
  const restores = optimization.all.map(({ optimizer }) =>
    optimizer instanceof RuleOptimizer ? optimizer.remember() : () => {},
  );
  const others = session.hooks.stepWorks.map((work) => work.remember());
  return () => {
    for (const [variable, value] of values) {
      if (variable.dataId !== value.dataId) variable.assign(value);
      value.dispose();
    }
    for (const restore of [...restores, ...others]) restore();
    window.restore({ ...counts, sums: heldSums });
    session.windowBatch = windowBatch;
    Object.assign(progress, counters);
    globalRandom().restore(random);
  };
}
