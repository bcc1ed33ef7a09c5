/** `kelvin fit`: trains the built-in classifier or the user's own module. */
import type { FitData } from '../../trainer/inputs.ts';
import type { Context } from '../command.ts';
import type { ExitCode } from '../exit.ts';
import type {
  LearningSettings,
  MetricSettings,
  ProfilingSettings,
  ResumeSettings,
  TrainingSettings,
} from '../settings.ts';
import { makeTask, prepared, type Task } from '../setup.ts';
import { makeTraining, reportTraining, type TrainingPlan } from '../trainer.ts';
import { checkLearning, metricCallbacks, mixed } from '../uneven.ts';

type Settings = TrainingSettings & ResumeSettings & ProfilingSettings;

type Planned = Pick<Settings, 'name' | 'limitValBatches'> & LearningSettings & MetricSettings;

/** Trains, and says where logs and checkpoints are. */
export function fit(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const { resume, focalGamma } = settings;
    const task = await makeTask(settings, { checkpoint: resume, model: settings, focalGamma }, context);
    try {
      const training = makeTraining(settings, fitPlan(task, settings), context.io);
      const result = await training.trainer.fit(task.module, fitData(task, settings));
      const resumeWith = (last: string) => `kelvin fit --resume ${last}`;
      return reportTraining(training, result, { logDir: settings.logDir, resumeWith }, context.io);
    } finally {
      task.module.dispose();
    }
  });
}

/** Which checkpoint is the best, by accuracy unless told otherwise, and what is measured beside it. */
export function fitPlan(task: Task, settings: Planned): TrainingPlan {
  checkLearning(settings, task);
  const { builtIn, images } = task;
  const validates = images?.val !== undefined && settings.limitValBatches !== 0;
  return {
    name: settings.name ?? 'fit',
    monitor: settings.monitor ?? (builtIn && validates ? 'val_acc' : undefined),
    callbacks: metricCallbacks(settings, images),
  };
}

/** The loaders of a training, or the module's own data. */
export function fitData({ images, datamodule }: Task, settings: LearningSettings & ResumeSettings): FitData<never> {
  const { resume: ckptPath } = settings;
  if (datamodule !== undefined) return { datamodule, ckptPath };
  const train = images && mixed(images.train(), settings, images.classes);
  return { train, val: images?.val, ckptPath } as unknown as FitData<never>;
}
