/** Which way a training step goes, as far as that can be told before it is taken: a compiled step is for one of them. */
import type { StepWork } from '../../core/step-work.ts';
import { parametersOf } from '../optimization.ts';
import type { Session } from '../session.ts';

/** What is known of a step beforehand. */
export interface Phase {
  /** Equal for steps that go the same way. */
  readonly name: string;
  /** The step is the last of its accumulation window. */
  readonly closes: boolean;
  /** What follows the optimizer's step. */
  readonly works: readonly StepWork[];
}

const NONE: readonly StepWork[] = [];

/** The phase of the coming step. */
export function phaseOf(session: Session, isLast: boolean): Phase {
  const { window, windowBatch, accumulateGradBatches, progress, module, optimization, hooks } = session;
  const closes = windowBatch + 1 >= accumulateGradBatches || isLast;
  const opens = window.batches === 0;
  const single = opens && (accumulateGradBatches === 1 || isLast);
  let name = `${single ? 'single' : opens ? 'opens' : 'goes on'}${closes ? ', closes' : ''}`;
  if (!opens) name += ` ${gatheredIn(session)}`;
  let works = NONE;
  if (closes && hooks.stepWorks.length > 0) {
    works = hooks.stepWorks.filter((work) => work.isDue(progress.optimizerStep + 1, progress.epoch));
    for (const work of works) name += ` +${hooks.stepWorks.indexOf(work)}`;
  }
  if (!module.automaticOptimization || optimization.all.length > 1) name += turnOf(module);
  return { name, closes, works };
}

/** Of how many parameters of each optimizer the window has gradients. */
function gatheredIn({ window, optimization }: Session): string {
  const { sums } = window.state();
  const counts = optimization.all.map(({ optimizer }) => parametersOf(optimizer).filter(({ name }) => name in sums));
  return counts.map(({ length }) => length).join('+');
}

/** Several optimizers may take turns: whose it is stands in a field that is a word, or true or false. */
function turnOf(module: object): string {
  let turn = '';
  for (const [name, value] of Object.entries(module))
    if (typeof value === 'string' || typeof value === 'boolean') turn += `; ${name} ${value}`;
  return turn;
}
