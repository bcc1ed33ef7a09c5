/** `kelvin check`: the dry run of what `kelvin fit` would do with the same options. */
import type { Context } from '../command.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import type { TrainingSettings } from '../settings.ts';
import { makeTask, prepared } from '../setup.ts';
import { makeTraining } from '../trainer.ts';
import { fitData, fitPlan } from './fit.ts';

/** Prints what it has found; fails when training would. Nothing is written. */
export function check(settings: TrainingSettings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const { focalGamma } = settings;
    const task = await makeTask(settings, { checkpoint: undefined, model: settings, focalGamma }, context);
    try {
      const { trainer } = makeTraining(settings, fitPlan(task, settings), context.io);
      const data = fitData(task, { ...settings, resume: undefined });
      const { ok } = await trainer.check(task.module, data, { stream: context.io.stdout });
      return ok ? EXIT.done : EXIT.failed;
    } finally {
      task.module.dispose();
    }
  });
}
