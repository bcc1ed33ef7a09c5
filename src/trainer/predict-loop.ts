/** The predict loop: `predictStep` on every batch, nothing logged, the results handed to the caller. */
import { disposeTensors } from '../core/tensors.ts';
import { rememberModes } from '../module/lifecycle.ts';
import { type BatchSource, iterate, release } from './loaders.ts';
import { runStep } from './outputs.ts';
import type { Session } from './session.ts';

/** Predicts all batches. With `keep`, the results of each source, whose tensors are the caller's; else `undefined`. */
export async function predictLoop(
  session: Session,
  sources: readonly BatchSource[],
  { keep }: { keep: boolean },
): Promise<unknown[][]> {
  const { hooks, module } = session;
  const results: unknown[][] = sources.map(() => []);
  const restoreModes = rememberModes(module);
  try {
    await hooks.fire('predictModelEval');
    module.eval();
    await hooks.fire('predictStart');
    await hooks.fire('predictEpochStart');
    for (const [i, source] of sources.entries()) await predictSource(session, source, i, keep ? results[i] : undefined);
    await hooks.fire('predictEpochEnd');
    await hooks.fire('predictEnd');
    return results;
  } catch (error) {
    disposeTensors(results);
    throw error;
  } finally {
    restoreModes();
    await hooks.fire('predictModelTrain');
  }
}

async function predictSource(
  session: Session,
  source: BatchSource,
  dataloaderIdx: number,
  kept: unknown[] | undefined,
): Promise<void> {
  const { hooks, module, instruments } = session;
  for await (const { batch: given, batchIdx } of instruments.batches(source, iterate(source))) {
    const batch = session.transfer === undefined ? given : session.transfer(source, given, dataloaderIdx);
    let output: unknown;
    try {
      await hooks.fire('predictBatchStart', batch, batchIdx, dataloaderIdx);
      const step = (): unknown =>
        runStep(session, 'predictStep', () => module.predictStep(batch as never, batchIdx, dataloaderIdx));
      const evaluated = { name: 'predictStep', count: source.count, batch, batchIdx, dataloaderIdx } as const;
      output = session.compiled === undefined ? step() : session.compiled.evaluation.step(evaluated, step);
      await hooks.fire('predictBatchEnd', output, batch, batchIdx, dataloaderIdx);
      kept?.push(output);
      if (kept !== undefined) output = undefined;
    } finally {
      disposeTensors(output);
      release(source, given, batch);
    }
    await session.breathe();
    if (session.interrupted) return;
  }
}
