/** `kelvin fit`: trains the built-in classifier or the user's own module. */
import type { FitData } from '../../trainer/inputs.ts';
import type { Context } from '../command.ts';
import type { ExitCode } from '../exit.ts';
import type {
  DataSettings,
  GeneralSettings,
  LearningSettings,
  MetricSettings,
  ModelSettings,
  ModuleSettings,
  OutputSettings,
  ResumeSettings,
  TrainerSettings,
} from '../settings.ts';
import { makeTask, prepared, type Task } from '../setup.ts';
import { makeTraining, reportTraining } from '../trainer.ts';
import { checkLearning, metricCallbacks, mixed } from '../uneven.ts';

type Settings = DataSettings &
  ModelSettings &
  LearningSettings &
  MetricSettings &
  ModuleSettings &
  TrainerSettings &
  OutputSettings &
  ResumeSettings &
  GeneralSettings;

/** Trains, and says where logs and checkpoints are. */
export function fit(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const { resume, focalGamma } = settings;
    const task = await makeTask(settings, { checkpoint: resume, model: settings, focalGamma }, context);
    try {
      checkLearning(settings, task);
      const validates = task.images?.val !== undefined && settings.limitValBatches !== 0;
      const monitor = settings.monitor ?? (task.builtIn && validates ? 'val_acc' : undefined);
      const callbacks = metricCallbacks(settings, task.images);
      const training = makeTraining(settings, { name: settings.name ?? 'fit', monitor, callbacks }, context.io);
      const result = await training.trainer.fit(task.module, fitData(task, settings));
      const resumeWith = (last: string) => `kelvin fit --resume ${last}`;
      return reportTraining(training, result, { logDir: settings.logDir, resumeWith }, context.io);
    } finally {
      task.module.dispose();
    }
  });
}

function fitData({ images, datamodule }: Task, settings: Settings): FitData<never> {
  const { resume: ckptPath } = settings;
  if (datamodule !== undefined) return { datamodule, ckptPath };
  const train = images && mixed(images.train(), settings, images.classes);
  return { train, val: images?.val, ckptPath } as unknown as FitData<never>;
}
