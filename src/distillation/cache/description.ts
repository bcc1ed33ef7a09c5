/** What a logit cache is to be of, as far as it is known before the teacher has been asked; and in what another differs. */
import { UNCHANGED } from '../../data/augmentation-name.ts';
import type { DataLoader } from '../../data/data-loader.ts';
import { sampleIdOf } from '../../data/dataset.ts';
import type { TeacherSource } from '../teachers/source.ts';
import { otherThan } from './errors.ts';
import { idsOf, type LogitCacheHeader } from './header.ts';

/** A header without the number of classes. */
export type Description = Omit<LogitCacheHeader, 'classes'>;

/** Describes the cache of a teacher and a loader. Epochs count only with augmentation. */
export function descriptionOf(
  source: TeacherSource,
  loader: DataLoader,
  options: Pick<Description, 'epochs' | 'format' | 'temperature' | 'input'>,
): Description {
  const { dataset, augmentation, seed } = loader;
  const { epochs, format, temperature, input } = options;
  const augmented = augmentation !== UNCHANGED;
  return {
    teacher: { name: source.name, sha256: source.fingerprint?.() ?? null },
    augmentation,
    seed: augmented ? seed : null,
    epochs: augmented ? epochs : 1,
    input,
    format,
    temperature,
    ids: idsOf(Array.from({ length: dataset.length }, (_, index) => sampleIdOf(dataset, index))),
  };
}

/** The error that says in what a file is of something else. */
export function differenceOf(file: string, cached: LogitCacheHeader, given: Description): Error | undefined {
  const differ = (what: Parameters<typeof otherThan>[1], pick: (of: Description) => unknown): Error | undefined =>
    JSON.stringify(pick(cached)) === JSON.stringify(pick(given))
      ? undefined
      : otherThan(file, what, { cached: pick(cached), given: pick(given) });
  return (
    differ('teacher', ({ teacher }) => teacher.sha256 ?? teacher.name) ??
    differ('augmentation', ({ augmentation, input }) =>
      input === 'x' ? augmentation : `${augmentation} of ${input}`,
    ) ??
    differ('seed', ({ seed }) => seed) ??
    differ('views', ({ epochs }) => epochs) ??
    differ('samples', ({ ids }) => ids) ??
    differ('format', ({ format, temperature }) => JSON.stringify({ format, temperature }))
  );
}
