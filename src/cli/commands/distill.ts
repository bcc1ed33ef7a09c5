/** `kelvin distill`: trains a student from a teacher, which is trained first if there is none, and compares them. */
import { readCheckpoint } from '../../checkpoint/store.ts';
import { withSeed } from '../../core/seed.ts';
import type { LogitCache } from '../../distillation/cache/index.ts';
import { DistillationModule } from '../../distillation/distillation-module.ts';
import { evaluateDistillation } from '../../distillation/report/index.ts';
import type { Teacher } from '../../distillation/teachers/as-source.ts';
import type { ImageClassificationModel } from '../../module/image-classification-model.ts';
import type { LightningModule } from '../../module/lightning-module.ts';
import { restoreWeights } from '../../module/weights.ts';
import { cachedTeacher } from '../cached-teacher.ts';
import type { Context } from '../command.ts';
import { type ImageData, loadData } from '../data.ts';
import { DistillRuns, type DistillSettings, type EndedTraining } from '../distill-runs.ts';
import { gainText, keepPlan, writeReport } from '../distillation.ts';
import type { ExitCode } from '../exit.ts';
import { note, say } from '../io.ts';
import { architecture, buildClassifier, classifierOptions, savedSettings } from '../model.ts';
import type { ModelSettings } from '../settings.ts';
import { prepared } from '../setup.ts';
import { reportTraining } from '../trainer.ts';
import { checkCacheable } from '../uneven.ts';

/** Trains a student, compares it with its teacher, and says where everything is; or many students, with `--sweep`. */
export async function distill(settings: DistillSettings, context: Context): Promise<ExitCode> {
  if (settings.cacheTeacher !== false) checkCacheable(settings);
  if (settings.sweep !== undefined) return (await import('./sweep.ts')).sweep(settings, settings.sweep, context);
  return prepared(settings, async () => {
    const { io } = context;
    const images: ImageData = {
      ...(await loadData(settings, settings.seed, io)),
      focalGamma: settings.focalGamma,
    };
    if (!settings.fastDevRun) await keepPlan(settings);
    const runs = new DistillRuns(settings, context, images);
    const models: ImageClassificationModel[] = [];
    let cache: LogitCache | undefined;
    const resumeWith = () => 'kelvin distill --resume, with the options of this run';
    const end = ({ training, result }: EndedTraining): ExitCode =>
      reportTraining(training, result, { logDir: settings.logDir, resumeWith }, io);
    try {
      const teacher = await loadTeacher(settings, images);
      models.push(teacher.model);
      if (!teacher.trained) {
        const from = settings.teacherModel === 'mlp' ? settings.teacherHidden : settings.teacherChannels;
        note(io, `The teacher, ${settings.teacherModel} ${from.join('-')}. No --teacher given: training one first.`);
        const ended = await runs.train('teacher', teacher.model);
        if (ended.result.status === 'interrupted') return end(ended);
        note(io, `The teacher is saved: --teacher ${ended.training.checkpoints.lastModelPath}`);
      }
      const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 32);
      cache = await cachedTeacher(settings, images, teacher.model, io);
      const taughtBy = cache ?? teacher.model;
      const kinds = [
        {
          part: 'student',
          about: 'The student, taught by labels and teacher',
          make: () => makeStudent(settings, images, taughtBy),
        },
        {
          part: 'baseline',
          about: 'The same student, taught by labels alone',
          make: () => buildClassifier(settings, images),
        },
      ] as const;
      const trained = { student: [] as ImageClassificationModel[], baseline: [] as ImageClassificationModel[] };
      let last: EndedTraining | undefined;
      for (const { part, about, make } of settings.baseline ? kinds : kinds.slice(0, 1)) {
        for (let run = 0; run < runs.seeds; run++) {
          const model = withSeed(seed + run, make);
          models.push(model);
          trained[part].push(model);
          runs.announce(about, run);
          const ended = await runs.train(part, model, run);
          if (ended.result.status === 'interrupted') return end(ended);
          if (part === 'student') last = ended;
        }
      }
      const alone = settings.baseline ? { 'student alone': trained.baseline } : {};
      const compared = { teacher: teacher.model, ...alone, 'student distilled': trained.student };
      const report = await evaluateDistillation(compared, images.test, { classNames: images.classNames });
      say(io, '', report.toTable(), '', ...report.findings(), ...(settings.baseline ? [gainText(report)] : []));
      await writeReport((last as EndedTraining).training, report, io);
      return end(last as EndedTraining);
    } finally {
      for (const model of models) model.dispose();
      cache?.dispose();
    }
  });
}

/** The teacher of `--teacher`, or one that is still to be trained. */
export async function loadTeacher(settings: DistillSettings, images: ImageData) {
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

function makeStudent(settings: DistillSettings, images: ImageData, teacher: Teacher): DistillationModule {
  const { alpha, temperature } = settings;
  const student = new DistillationModule({ ...classifierOptions(settings, images), teacher, alpha, temperature });
  student.saveHyperparameters(architecture(settings, images));
  return student;
}
