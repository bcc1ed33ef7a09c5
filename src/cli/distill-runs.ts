/** The trainings of one `kelvin distill`: teacher, students, baselines, each gone on with where that is asked for. */
import { join } from 'node:path';
import { TemperatureCallback } from '../distillation/temperature/temperature-callback.ts';
import type { ImageClassificationModel } from '../module/image-classification-model.ts';
import type { FitResult } from '../trainer/run-fit.ts';
import type { Context } from './command.ts';
import type { ImageData } from './data.ts';
import { newestCheckpoint, schedule, timeOf } from './distillation.ts';
import { note } from './io.ts';
import type {
  DataSettings,
  DistillationSettings,
  GeneralSettings,
  LearningSettings,
  MetricSettings,
  ModelSettings,
  OutputSettings,
  ProfilingSettings,
  TrainerSettings,
} from './settings.ts';
import { makeTraining, type Training } from './trainer.ts';
import { metricCallbacks, mixed } from './uneven.ts';

/** What the command takes. */
export type DistillSettings = DistillationSettings &
  DataSettings &
  ModelSettings &
  LearningSettings &
  MetricSettings &
  TrainerSettings &
  OutputSettings &
  ProfilingSettings &
  GeneralSettings;

/** What is trained. */
export type Part = 'teacher' | 'student' | 'baseline';

/** A training that has ended, at its end or by Ctrl-C. */
export interface EndedTraining {
  readonly training: Training;
  readonly result: FitResult;
}

export class DistillRuns {
  readonly #settings: DistillSettings;
  readonly #context: Context;
  readonly #images: ImageData;
  /** When the part before was finished: older checkpoints are of another distillation. */
  #trained = 0;

  constructor(settings: DistillSettings, context: Context, images: ImageData) {
    this.#settings = settings;
    this.#context = context;
    this.#images = images;
  }

  /** How many students there are of each kind. */
  get seeds(): number {
    return this.#settings.seeds ?? 1;
  }

  /** Says what comes now. */
  announce(what: string, run: number): void {
    const { model, hidden, channels } = this.#settings;
    const which = this.seeds === 1 ? '' : `, run ${run + 1} of ${this.seeds}`;
    const kind = `${model} ${(model === 'mlp' ? hidden : channels).join('-')}`;
    note(this.#context.io, `\n${what}: ${kind}${which}`);
  }

  /** Trains a model. @param run its number; each has its own order of the images, unless a cache knows one order of views only */
  async train(part: Part, model: ImageClassificationModel, run = 0): Promise<EndedTraining> {
    const settings = this.#settings;
    const { logDir, temperatureSchedule, temperature, maxEpochs } = settings;
    const validates = this.#images.val !== undefined && settings.limitValBatches !== 0;
    const callbacks = metricCallbacks(settings, this.#images);
    if (part === 'student')
      callbacks.push(new TemperatureCallback(schedule({ temperatureSchedule, temperature, maxEpochs })));
    const name = `${settings.name ?? 'distill'}-${part}${this.seeds === 1 || part === 'teacher' ? '' : `-${run}`}`;
    const training = makeTraining(
      { ...settings, maxEpochs: part === 'teacher' ? settings.teacherEpochs : maxEpochs },
      { name, monitor: settings.monitor ?? (validates ? 'val_acc' : undefined), callbacks, summary: run === 0 },
      this.#context.io,
    );
    const newest = settings.resume ? await newestCheckpoint(join(logDir, name)) : undefined;
    const ckptPath = newest !== undefined && newest.time > this.#trained ? newest.path : undefined;
    const train = mixed(this.#loader(part, run), settings, this.#images.classes);
    const result = await training.trainer.fit(model, { train, val: this.#images.val, ckptPath });
    this.#trained = ckptPath !== undefined && result.status !== 'interrupted' ? await timeOf(ckptPath) : Date.now();
    return { training, result };
  }

  #loader(part: Part, run: number) {
    const { teacherJitter, cacheTeacher } = this.#settings;
    if (part === 'teacher') return this.#images.train({ jitter: teacherJitter });
    const loader = this.#images.train({ run });
    const viewsAreCached = cacheTeacher !== false && loader.augmentation !== 'none';
    return viewsAreCached ? this.#images.train() : loader;
  }
}
