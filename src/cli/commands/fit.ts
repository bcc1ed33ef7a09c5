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
  ProfilingSettings,
  ResumeSettings,
  TrainerSettings,
} from '../settings.ts';
import { makeTask, prepared, type Task } from '../setup.ts';
import { makeTraining, reportTraining, type TrainingPlan } from '../trainer.ts';

type Settings = DataSettings &
  ModelSettings &
  ModuleSettings &
  TrainerSettings &
  OutputSettings &
  ResumeSettings &
  ProfilingSettings &
  GeneralSettings;

type Planned = Pick<Settings, 'name' | 'limitValBatches'>;

/** Trains, and says where logs and checkpoints are. */
export function fit(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const task = await makeTask(settings, { checkpoint: settings.resume, model: settings }, context);
    try {
      const training = makeTraining(settings, fitPlan(task, settings), context.io);
      const result = await training.trainer.fit(task.module, fitData(task, settings.resume));
      const resumeWith = (last: string) => `kelvin fit --resume ${last}`;
      return reportTraining(training, result, { logDir: settings.logDir, resumeWith }, context.io);
    } finally {
      task.module.dispose();
    }
  });
}

/** Which checkpoint is the best: by accuracy, where the classifier is validated. */
export function fitPlan({ images, builtIn }: Task, { name, limitValBatches }: Planned): TrainingPlan {
  const validates = images?.val !== undefined && limitValBatches !== 0;
  return { name: name ?? 'fit', monitor: builtIn && validates ? 'val_acc' : undefined };
}

/** The loaders of a training, or the module's own data. */
export function fitData({ images, datamodule }: Task, ckptPath: string | undefined): FitData<never> {
  if (datamodule !== undefined) return { datamodule, ckptPath };
  return { train: images?.train(), val: images?.val, ckptPath } as unknown as FitData<never>;
}
