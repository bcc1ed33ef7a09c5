/** `kelvin distill`: trains a student from a teacher, which is trained first if there is none, and compares them. */
import { join } from 'node:path';
import { readCheckpoint } from '../../checkpoint/store.ts';
import { withSeed } from '../../core/seed.ts';
import type { LogitCache } from '../../distillation/cache/index.ts';
import { DistillationModule } from '../../distillation/distillation-module.ts';
import { evaluateDistillation } from '../../distillation/report/index.ts';
import type { Teacher } from '../../distillation/teachers/as-source.ts';
import { TemperatureCallback } from '../../distillation/temperature/temperature-callback.ts';
import type { ImageClassificationModel } from '../../module/image-classification-model.ts';
import type { LightningModule } from '../../module/lightning-module.ts';
import { restoreWeights } from '../../module/weights.ts';
import type { FitResult } from '../../trainer/run-fit.ts';
import { cachedTeacher } from '../cached-teacher.ts';
import type { Context } from '../command.ts';
import { type ImageData, loadData } from '../data.ts';
import { keepPlan, newestCheckpoint, schedule, timeOf, writeReport } from '../distillation.ts';
import type { ExitCode } from '../exit.ts';
import { note, say } from '../io.ts';
import { architecture, buildClassifier, classifierOptions, savedSettings } from '../model.ts';
import type {
  DataSettings,
  DistillationSettings,
  GeneralSettings,
  ModelSettings,
  OutputSettings,
  ProfilingSettings,
  TrainerSettings,
} from '../settings.ts';
import { prepared } from '../setup.ts';
import { makeTraining, reportTraining, type Training } from '../trainer.ts';

/** What the command takes. */
export type Settings = DistillationSettings &
  DataSettings &
  ModelSettings &
  TrainerSettings &
  OutputSettings &
  ProfilingSettings &
  GeneralSettings;

/** Trains a student, compares it with its teacher, and says where everything is; or many students, with `--sweep`. */
export async function distill(settings: Settings, context: Context): Promise<ExitCode> {
  if (settings.sweep !== undefined) return (await import('./sweep.ts')).sweep(settings, settings.sweep, context);
  return prepared(settings, async () => {
    const { io } = context;
    const images = await loadData(settings, settings.seed, io);
    if (!settings.fastDevRun) await keepPlan(settings);
    const models: ImageClassificationModel[] = [];
    const parts = { trained: 0 };
    let cache: LogitCache | undefined;
    const told = { logDir: settings.logDir, resumeWith: () => 'kelvin distill --resume, with the options of this run' };
    try {
      const teacher = await loadTeacher(settings, images);
      models.push(teacher.model);
      if (!teacher.trained) {
        const from = settings.teacherModel === 'mlp' ? settings.teacherHidden : settings.teacherChannels;
        note(io, `The teacher, ${settings.teacherModel} ${from.join('-')}. No --teacher given: training one first.`);
        const { training, result } = await train(settings, context, images, teacher.model, 'teacher', parts);
        if (result.status === 'interrupted') return reportTraining(training, result, told, io);
        note(io, `The teacher is saved: --teacher ${training.checkpoints.lastModelPath}`);
      }
      const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 32);
      cache = await cachedTeacher(settings, images, teacher.model, io);
      const student = withSeed(seed, () => makeStudent(settings, images, cache ?? teacher.model));
      models.push(student);
      const own = settings.model === 'mlp' ? settings.hidden : settings.channels;
      note(io, `\nThe student, taught by labels and teacher: ${settings.model} ${own.join('-')}`);
      const { training, result } = await train(settings, context, images, student, 'student', parts);
      if (result.status === 'interrupted') return reportTraining(training, result, told, io);
      const compared = { teacher: teacher.model, 'student distilled': student };
      if (settings.baseline) {
        const alone = withSeed(seed, () => buildClassifier(settings, images));
        models.push(alone);
        note(io, '\nThe same student, taught by labels alone');
        const run = await train(settings, context, images, alone, 'baseline', parts);
        if (run.result.status === 'interrupted') return reportTraining(run.training, run.result, told, io);
        Object.assign(compared, { 'student alone': alone });
      }
      const report = await evaluateDistillation(compared, images.test);
      say(io, '', report.toTable(), '', ...report.findings());
      await writeReport(training, report, io);
      return reportTraining(training, result, told, io);
    } finally {
      for (const model of models) model.dispose();
      cache?.dispose();
    }
  });
}

/** The teacher of `--teacher`, or one that is still to be trained. */
export async function loadTeacher(settings: Settings, images: ImageData) {
  const { teacher: path, teacherModel, teacherHidden, teacherChannels } = settings;
  if (path === undefined) {
    const layers = { model: teacherModel, hidden: teacherHidden, channels: teacherChannels };
    const large: ModelSettings = { ...settings, ...layers, learningRate: 1e-3 };
    return { model: buildClassifier(large, images), trained: false };
  }
  const checkpoint = await readCheckpoint(path);
  const saved = savedSettings(path, checkpoint);
  const model = buildClassifier(saved.settings, saved.interface);
  try {
    restoreWeights(model as LightningModule<never>, checkpoint, { strict: true });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { model, trained: true };
}

function makeStudent(settings: Settings, images: ImageData, teacher: Teacher): DistillationModule {
  const { alpha, temperature } = settings;
  const student = new DistillationModule({ ...classifierOptions(settings, images), teacher, alpha, temperature });
  student.saveHyperparameters(architecture(settings, images));
  return student;
}

async function train(
  settings: Settings,
  { io }: Context,
  images: ImageData,
  model: ImageClassificationModel,
  part: 'teacher' | 'student' | 'baseline',
  parts: { trained: number },
): Promise<{ training: Training; result: FitResult }> {
  const validates = images.val !== undefined && settings.limitValBatches !== 0;
  const callbacks = part === 'student' ? [new TemperatureCallback(schedule(settings))] : [];
  const maxEpochs = part === 'teacher' ? settings.teacherEpochs : settings.maxEpochs;
  const name = `${settings.name ?? 'distill'}-${part}`;
  const training = makeTraining(
    { ...settings, maxEpochs },
    { name, monitor: validates ? 'val_acc' : undefined, callbacks },
    io,
  );
  const newest = settings.resume ? await newestCheckpoint(join(settings.logDir, name)) : undefined;
  const ckptPath = newest !== undefined && newest.time > parts.trained ? newest.path : undefined;
  const result = await training.trainer.fit(model, { train: images.train(), val: images.val, ckptPath });
  parts.trained = ckptPath !== undefined && result.status !== 'interrupted' ? await timeOf(ckptPath) : Date.now();
  return { training, result };
}
