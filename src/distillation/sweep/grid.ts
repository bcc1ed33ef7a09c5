/** The runs of a sweep: which student of which size learns which task from whom, at which temperature and weight. */

/** One training run of a sweep. */
export interface SweepPoint {
  /** Unlike any other's: `digits, size 0.1, T 4, alpha 0.9, seed 0`. The sweep knows finished runs by it. */
  readonly name: string;
  readonly task: string;
  /** The teacher of the task, the student alone, or the student distilled. */
  readonly kind: 'teacher' | 'alone' | 'distilled';
  /** What the size of the student is to the caller, most often its share of the teacher's parameters, where it is varied. */
  readonly size: number | undefined;
  /** T and α of a distilled student. */
  readonly temperature: number | undefined;
  readonly alpha: number | undefined;
  readonly seed: number;
}

/** What is varied. Every combination is run once per seed, and the student of each size also alone. */
export interface SweepAxes {
  readonly tasks: readonly string[];
  /** `[undefined]` where there is one size only. */
  readonly sizes: readonly (number | undefined)[];
  readonly temperatures: readonly number[];
  readonly alphas: readonly number[];
  readonly seeds: readonly number[];
}

/** All runs, those that share a task and a seed together, the teacher of a task first. */
export function* gridOf({ tasks, sizes, temperatures, alphas, seeds }: SweepAxes): Generator<SweepPoint> {
  const nothing = { size: undefined, temperature: undefined, alpha: undefined };
  for (const task of tasks) {
    yield named({ task, kind: 'teacher', ...nothing, seed: seeds[0] as number });
    for (const seed of seeds) {
      for (const size of sizes) {
        yield named({ task, kind: 'alone', ...nothing, size, seed });
        for (const temperature of temperatures) {
          for (const alpha of alphas) yield named({ task, kind: 'distilled', size, temperature, alpha, seed });
        }
      }
    }
  }
}

function named(point: Omit<SweepPoint, 'name'>): SweepPoint {
  const { task, kind, size, temperature, alpha, seed } = point;
  const how = kind === 'distilled' ? `T ${temperature}, alpha ${alpha}` : kind;
  const sized = size === undefined ? [] : [`size ${size}`];
  const parts = kind === 'teacher' ? [task, kind] : [task, ...sized, how, `seed ${seed}`];
  return { name: parts.join(', '), ...point };
}
