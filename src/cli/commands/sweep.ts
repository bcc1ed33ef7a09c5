/** `kelvin distill --sweep`: trains many students and answers how small, for which task, and how soft. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withSeed } from '../../core/seed.ts';
import { DistillationModule } from '../../distillation/distillation-module.ts';
import { keepWeights, restoreKept } from '../../distillation/kept-weights.ts';
import { compressedStudent } from '../../distillation/recipes/index.ts';
import { type ComparedModel, evaluateDistillation } from '../../distillation/report/index.ts';
import { runSweep, type SweepPoint, type SweepReport, type SweepRun } from '../../distillation/sweep/index.ts';
import { TemperatureCallback } from '../../distillation/temperature/temperature-callback.ts';
import { TensorBoardLogger } from '../../loggers/tensorboard-logger.ts';
import { ImageClassificationModel } from '../../module/image-classification-model.ts';
import type { LightningModule } from '../../module/lightning-module.ts';
import type { Context } from '../command.ts';
import { type ImageData, loadData } from '../data.ts';
import type { DistillSettings as Settings } from '../distill-runs.ts';
import { newestCheckpoint, schedule } from '../distillation.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { note, say } from '../io.ts';
import { classifierOptions, trainingOptions } from '../model.ts';
import { prepared } from '../setup.ts';
import { readAxes, readTask } from '../sweep-axes.ts';
import { makeTraining } from '../trainer.ts';
import { metricCallbacks, mixed } from '../uneven.ts';
import { loadTeacher } from './distill.ts';

/** Runs what has not been run yet, and writes the report. */
export function sweep(settings: Settings, what: string, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const { io } = context;
    const { temperature, alpha, seed = 0, logDir, name = 'distill' } = settings;
    const data = settings.data ?? 'digits';
    const directory = join(logDir, `${name}-sweep`);
    const runs = new SweepRuns(settings, directory, context);
    try {
      const axes = readAxes(what, data);
      for (const task of axes.tasks ?? []) readTask(task);
      const { status, report } = await runSweep({
        tasks: [data],
        temperatures: [temperature],
        alphas: [alpha],
        ...axes,
        seeds: Array.from({ length: settings.seeds ?? 3 }, (_, i) => seed + i),
        directory,
        plan: planOf(settings),
        title: `Distillation sweep: ${what}`,
        run: async (point) => {
          const run = await runs.run(point);
          if (run !== undefined) note(io, `${point.name}: ${run.errors} errors`);
          return run;
        },
      });
      if (report.rows.length > 0) await write(report, directory);
      if (status === 'interrupted') {
        note(io, 'Interrupted. The same command goes on after the last finished run.');
        return EXIT.interrupted;
      }
      say(io, report.toTable(), '', ...report.findings(), `Report:      ${join(directory, 'report.html')}`);
      return EXIT.done;
    } finally {
      runs.dispose();
    }
  });
}

/** Everything that the runs depend on and that the sweep does not vary. */
function planOf(settings: Settings): Record<string, unknown> {
  const { logDir, name, engine, progress, resume, sweep, seeds, seed, baseline, temperature, alpha, ...plan } =
    settings;
  return plan;
}

async function write(report: SweepReport, directory: string): Promise<void> {
  const page = join(directory, 'report.html');
  await writeFile(page, report.toHTML());
  await writeFile(join(directory, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
  const logger = new TensorBoardLogger(directory, { name: 'report' });
  logger.useWriter((writer) => report.writeTo(writer, pathToFileURL(resolve(page)).href));
  await logger.finalize('success');
}

/** The runs of a sweep, with the data and the teacher of the last one. */
class SweepRuns {
  readonly #settings: Settings;
  readonly #directory: string;
  readonly #context: Context;
  #data: { readonly key: string; readonly images: ImageData } | undefined;
  #teacher: { readonly data: string; readonly model: ImageClassificationModel } | undefined;

  constructor(settings: Settings, directory: string, context: Context) {
    this.#settings = settings;
    this.#directory = directory;
    this.#context = context;
  }

  async run(point: SweepPoint): Promise<SweepRun | undefined> {
    const teacher = await this.#teacherOf(point);
    if (teacher === undefined) return undefined;
    const images = await this.#imagesOf(point.task, point.seed);
    if (point.kind === 'teacher') return measure(teacher, teacher, images);
    const student = withSeed(point.seed, () => makeStudent(this.#settings, point, teacher, images));
    try {
      const trained = await this.#train(slug(point.name), student, images, point);
      return trained ? await measure(teacher, student, images) : undefined;
    } finally {
      student.dispose();
    }
  }

  dispose(): void {
    this.#teacher?.model.dispose();
    this.#teacher = undefined;
  }

  /** One teacher for each data set, however many of its images the students get. It is trained once and kept. */
  async #teacherOf({ task }: SweepPoint): Promise<ImageClassificationModel | undefined> {
    const { data } = readTask(task);
    if (this.#teacher?.data === data) return this.#teacher.model;
    this.dispose();
    const images = await this.#imagesOf(data, this.#settings.seed ?? 0);
    const { model, trained } = await withSeed(this.#settings.seed ?? 0, () => loadTeacher(this.#settings, images));
    this.#teacher = { data, model };
    const file = join(this.#directory, `teacher-${data}.safetensors`);
    if (trained || (await restoreKept(model as LightningModule<never>, file))) return model;
    if (!(await this.#train(`teacher-${data}`, model, images, undefined))) return undefined;
    await keepWeights(model as LightningModule<never>, file);
    return model;
  }

  async #imagesOf(task: string, seed: number): Promise<ImageData> {
    const key = `${task} ${seed}`;
    if (this.#data?.key === key) return this.#data.images;
    const { data, samples } = readTask(task);
    const settings = { ...this.#settings, data, trainSamples: samples ?? this.#settings.trainSamples } as Settings;
    const { focalGamma } = settings;
    const images = { ...(await loadData(settings, seed, this.#context.io)), focalGamma };
    this.#data = { key, images };
    return images;
  }

  /** Whether it came to its end. */
  async #train(name: string, model: ImageClassificationModel, images: ImageData, point: SweepPoint | undefined) {
    const settings = { ...this.#settings, logDir: this.#directory };
    const maxEpochs = point === undefined ? settings.teacherEpochs : settings.maxEpochs;
    const soft = point?.temperature;
    const callbacks = metricCallbacks(settings, images);
    if (soft !== undefined) callbacks.push(new TemperatureCallback(schedule({ ...settings, temperature: soft })));
    const { trainer } = makeTraining(
      { ...settings, maxEpochs },
      { name, monitor: undefined, callbacks },
      this.#context.io,
    );
    const newest = await newestCheckpoint(join(this.#directory, name));
    const train = mixed(images.train(), settings, images.classes);
    const { status } = await trainer.fit(model, { train, val: images.val, ckptPath: newest?.path });
    return status !== 'interrupted';
  }
}

function makeStudent(
  settings: Settings,
  { kind, size, alpha, temperature }: SweepPoint,
  teacher: ImageClassificationModel,
  images: ImageData,
): ImageClassificationModel {
  const options =
    size === undefined
      ? classifierOptions(settings, images)
      : {
          ...trainingOptions(settings),
          focalGamma: images.focalGamma,
          encoder: compressedStudent(teacher.net, { ratio: size, kind: settings.model, tolerance: 0.1 }),
          head: 'none' as const,
          classes: images.classes,
        };
  return kind === 'alone'
    ? new ImageClassificationModel(options)
    : new DistillationModule({ ...options, teacher, alpha, temperature });
}

async function measure(teacher: ComparedModel, student: ComparedModel, { test }: ImageData): Promise<SweepRun> {
  const report = await evaluateDistillation({ teacher, student }, test, { runs: 1, warmUp: 0 });
  const { errors, samples, parameters, agreement, kl } = report.rows[1] as (typeof report.rows)[number];
  return { errors: errors.value, samples, parameters: parameters as number, agreement: agreement.value, kl: kl.value };
}

const slug = (name: string): string => name.replaceAll(/[^\w.]+/g, '-');
