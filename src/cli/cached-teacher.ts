/** The teacher of `kelvin distill`, asked once for each image: its logits in a file that later runs find again. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cacheTeacherLogits, type LogitCache } from '../distillation/cache/index.ts';
import { fingerprintOf } from '../distillation/teachers/fingerprint.ts';
import type { ImageClassificationModel } from '../module/image-classification-model.ts';
import type { ImageData } from './data.ts';
import { type Io, note } from './io.ts';
import type { DataSettings, DistillationSettings, OutputSettings, TrainerSettings } from './settings.ts';

type Settings = DistillationSettings & DataSettings & TrainerSettings & OutputSettings;

/**
 * Writes or finds the cache that `--cache-teacher` asks for: a file in its directory, by default `teacher-logits` below
 * `--log-dir`, with a name made of all that it depends on.
 *
 * @returns undefined without the option
 */
export async function cachedTeacher(
  settings: Settings,
  images: ImageData,
  teacher: ImageClassificationModel,
  io: Io,
): Promise<LogitCache | undefined> {
  const { cacheTeacher, logDir, maxEpochs } = settings;
  if (cacheTeacher === false) return undefined;
  const loader = images.train();
  const augmented = loader.augmentation !== 'none';
  const epochs = augmented ? maxEpochs : 1;
  const { data, dataDir, classes, trainSamples, valSplit } = settings;
  const weights = fingerprintOf(teacher.namedVariables().values());
  const views = augmented ? { seed: loader.seed, epochs, augmentation: loader.augmentation } : {};
  const name = createHash('sha256')
    .update(JSON.stringify({ weights, data, dataDir, classes, trainSamples, valSplit, ...views }))
    .digest('hex')
    .slice(0, 16);
  const file = join(cacheTeacher === true ? join(logDir, 'teacher-logits') : cacheTeacher, `${name}.logits`);
  let asked = false;
  const onProgress = (done: number, total: number): void => {
    if (!asked) note(io, `Asking the teacher for ${total} answers, once.`);
    asked = true;
    if (done === total) note(io, `Its logits are in ${file}`);
  };
  const cache = await cacheTeacherLogits(teacher, loader, { file, epochs, onProgress });
  if (!asked) note(io, `The teacher's logits are known: ${file}`);
  return cache;
}
