/**
 * Views: one sample as augmentation shows it in one epoch. All that is random about a view follows from (seed, epoch,
 * sample id), so that a view can be named, stored and shown again, whatever batch, worker or process it comes in.
 */
import { DataError, show } from '../core/errors.ts';
import { deriveSeed, Random } from '../core/random.ts';

/** The lasting name of a sample: its index in an array, the path of its file, its id in a table. */
export type SampleId = number | string;

/** What names a view. */
export interface ViewKey {
  /** The loader's seed. */
  readonly seed: number;
  /** The epoch, from 0. */
  readonly epoch: number;
  readonly id: SampleId;
}

/**
 * The random stream of one view: the same key gives the same numbers, in every process.
 *
 * @example
 * ```ts
 * const random = sampleRandom({ seed: 1, epoch: 3, id: 'cats/17.png' });
 * const flipped = random.uniform() < 0.5;
 * ```
 */
export function sampleRandom({ seed, epoch, id }: ViewKey): Random {
  if (typeof id === 'number') return new Random(deriveSeed(seed, epoch, id));
  return new Random(deriveSeed(seed, epoch, hash(id, 0x811c9dc5), hash(id, 0x9e3779b9)));
}

/**
 * A view's name as text, for files and maps.
 *
 * @example
 * ```ts
 * viewName({ seed: 1, epoch: 3, id: 'cats/17.png' }); // '1:3:"cats/17.png"'
 * ```
 */
export function viewName({ seed, epoch, id }: ViewKey): string {
  return `${seed}:${epoch}:${JSON.stringify(id)}`;
}

/**
 * The key that {@link viewName} made the name of.
 *
 * @throws DataError `view-name`
 */
export function parseViewName(name: string): ViewKey {
  const [, seed, epoch, id] = /^(\d+):(\d+):("(?:[^"\\]|\\.)*"|\d+)$/s.exec(name) ?? [];
  if (id !== undefined) return { seed: Number(seed), epoch: Number(epoch), id: JSON.parse(id) as SampleId };
  throw new DataError('This is no name of a view', {
    code: 'view-name',
    expected: 'seed:epoch:id, as `viewName` writes it',
    got: show(name),
  });
}

/** FNV-1a over UTF-16 units. Two of them from different beginnings keep long lists of paths apart. */
function hash(text: string, start: number): number {
  let value = start;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
