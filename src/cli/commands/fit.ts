/** `kelvin fit`: trains the built-in classifier or the user's own module. */
import type { FitData } from '../../trainer/inputs.ts';
import type { Context } from '../command.ts';
import type { ExitCode } from '../exit.ts';
import type {
  DataSettings,
  GeneralSettings,
  ModelSettings,
  ModuleSettings,
  OutputSettings,
  ResumeSettings,
  TrainerSettings,
} from '../settings.ts';
import { makeTask, prepared, type Task } from '../setup.ts';
import { makeTraining, reportTraining } from '../trainer.ts';

type Settings = DataSettings &
  ModelSettings &
  ModuleSettings &
  TrainerSettings &
  OutputSettings &
  ResumeSettings &
  GeneralSettings;

/** Trains, and says where logs and checkpoints are. */
export function fit(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const task = await makeTask(settings, { checkpoint: settings.resume, model: settings }, context);
    try {
      const validates = task.images?.val !== undefined && settings.limitValBatches !== 0;
      const monitor = task.builtIn && validates ? 'val_acc' : undefined;
      const training = makeTraining(settings, { name: settings.name ?? 'fit', monitor }, context.io);
      const result = await training.trainer.fit(task.module, fitData(task, settings.resume));
      const resumeWith = (last: string) => `kelvin fit --resume ${last}`;
      return reportTraining(training, result, { logDir: settings.logDir, resumeWith }, context.io);
    } finally {
      task.module.dispose();
    }
  });
}

function fitData({ images, datamodule }: Task, ckptPath: string | undefined): FitData<never> {
  if (datamodule !== undefined) return { datamodule, ckptPath };
  return { train: images?.train(), val: images?.val, ckptPath } as unknown as FitData<never>;
}
