/** Several loaders as one, whose batches have the shape in which the loaders were given. */
import { ConfigError, DataError, show } from '../core/errors.ts';
import { globalRandom } from '../core/seed.ts';
import type { BatchOfLoaders, Loader, LoaderSeed, LoaderState } from './loader.ts';
import { flattenLoaders, type LoaderList } from './loader-tree.ts';
import { MemberWalk, OVER, ownedPart } from './member-walk.ts';

/** How the members of a {@link CombinedLoader} go together: see there. */
export type CombinedMode = 'maxSizeCycle' | 'minSize' | 'maxSize' | 'sequential';

const MODES: readonly CombinedMode[] = ['maxSizeCycle', 'minSize', 'maxSize', 'sequential'];

type Leaves<T> = T extends Loader<infer B> ? B : T extends object ? { [K in keyof T]: Leaves<T[K]> }[keyof T] : never;
type PerhapsMissing<T> = { [K in keyof T]: T[K] | undefined };

/** The batch of a {@link CombinedLoader}. */
export type CombinedBatch<T, M extends CombinedMode> = M extends 'sequential'
  ? Leaves<T>
  : M extends 'maxSize'
    ? PerhapsMissing<BatchOfLoaders<T>>
    : BatchOfLoaders<T>;

/**
 * Walks through several loaders at once. `new CombinedLoader({ a, b })` gives batches `{ a, b }`, one of arrays gives
 * arrays; they may be nested. It is what `fit` makes of `{ train: { a, b } }`.
 *
 * The mode says how long an epoch is:
 * - `'maxSizeCycle'` (default): as long as the longest member; shorter ones begin again, each pass in a new order
 * - `'minSize'`: as long as the shortest
 * - `'maxSize'`: as long as the longest; a member that is over gives `undefined`
 * - `'sequential'`: one member after the other, each batch by itself; for evaluation, where each is a loader of its own
 *
 * With a member that does not know its length, the combined loader does not know its own. Like a DataLoader, it gives
 * the same batches for the same epoch, and goes on in the middle of one.
 *
 * @throws ConfigError `invalid-loader` or `invalid-option`; while iterating, DataError `empty-loader` or
 * `exhausted-loader` for a member that cannot be walked through again
 *
 * @example
 * ```ts
 * const train = new CombinedLoader({ labelled, unlabelled }, 'minSize');
 * await trainer.fit(module, { train });   // batches { labelled, unlabelled }
 * ```
 */
export class CombinedLoader<const T extends object, M extends CombinedMode = 'maxSizeCycle'>
  implements AsyncIterable<CombinedBatch<T, M>>
{
  /** The loaders as they were given. */
  readonly loaders: T;
  readonly mode: M;
  readonly #list: LoaderList;
  #epoch = 0;
  #start = 0;
  #position = 0;

  constructor(loaders: T, mode: M = 'maxSizeCycle' as M) {
    if (!MODES.includes(mode)) throw unknownMode(mode);
    this.loaders = loaders;
    this.mode = mode;
    this.#list = flattenLoaders('CombinedLoader', loaders);
    const within = this.members.find((member) => member instanceof CombinedLoader && member.mode === 'sequential');
    if (within !== undefined) throw sequentialMember();
  }

  /** The loaders in a row. */
  get members(): readonly Loader<unknown>[] {
    return this.#list.members.map(({ loader }) => loader);
  }

  /** Batches per epoch; `undefined` when a member does not know its own. */
  get length(): number | undefined {
    const lengths = this.members.map(({ length }) => length);
    if (!lengths.every((length) => typeof length === 'number')) return undefined;
    if (this.mode === 'sequential') return lengths.reduce((a, b) => a + b, 0);
    return this.mode === 'minSize' ? Math.min(...lengths) : Math.max(...lengths);
  }

  /** Walks through the epoch that {@link setEpoch} set, from the batch that {@link loadState} set. */
  async *[Symbol.asyncIterator](): AsyncGenerator<CombinedBatch<T, M>, undefined> {
    const walks = this.#walks();
    this.#position = this.#start;
    this.#start = 0;
    try {
      const batches = this.mode === 'sequential' ? this.#inTurn(walks) : this.#together(walks);
      for await (const batch of batches) {
        this.#position++;
        yield batch as CombinedBatch<T, M>;
      }
      return undefined;
    } finally {
      for (const walk of walks) await walk.close();
    }
  }

  /** The next iteration walks through this epoch. */
  setEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#start = 0;
    this.#position = 0;
  }

  /** Where the latest iteration is, with the seeds of the members. */
  state(): LoaderState {
    return {
      epoch: this.#epoch,
      batch: this.#position,
      seed: this.members.map((member) => member.state?.().seed ?? null),
    };
  }

  /**
   * The next iteration goes on from a saved {@link state}. Members that have no `loadState` are walked through up to there.
   *
   * @throws DataError `loader-state` when the state is not one of these loaders'
   */
  loadState({ epoch, batch, seed }: LoaderState): void {
    const { members } = this;
    if (typeof seed === 'number' || seed.length !== members.length) throw wrongState(seed, members.length);
    members.forEach((member, i) => {
      const own: LoaderSeed | null = seed[i] ?? null;
      if (own !== null) member.loadState?.({ epoch: 0, batch: 0, seed: own } as never);
    });
    this.#epoch = epoch;
    this.#start = batch;
    this.#position = batch;
  }

  /** What of a batch is the consumer's to dispose of: all but the batches of members that are arrays of ready ones. */
  owned(batch: unknown): unknown {
    const { members, mode } = this;
    if (mode !== 'sequential')
      return this.#list.parts(batch).map((part, i) => ownedPart(members[i] as Loader<unknown>, part));
    return members.some((member) => Array.isArray(member) && member.includes(batch)) ? undefined : batch;
  }

  #walks(): MemberWalk[] {
    const cycle = this.mode === 'maxSizeCycle';
    const total = this.length;
    return this.#list.members.map((member) => {
      const own = member.loader.length;
      const passes = cycle && total !== undefined && own !== undefined && own > 0 ? Math.ceil(total / own) : 1;
      return new MemberWalk(member, this.#epoch * passes);
    });
  }

  async *#inTurn(walks: readonly MemberWalk[]): AsyncGenerator<unknown> {
    let left = this.#position;
    for (const walk of walks) {
      left = left === 0 ? 0 : await walk.skip(left, { cycle: false });
      if (left > 0) continue;
      for (let batch = await walk.next(); batch !== OVER; batch = await walk.next()) yield batch;
    }
  }

  async *#together(walks: readonly MemberWalk[]): AsyncGenerator<unknown> {
    const cycle = this.mode === 'maxSizeCycle';
    if (this.#position > 0) {
      const random = globalRandom().state();
      for (const walk of walks) await walk.skip(this.#position, { cycle });
      globalRandom().restore(random); // what it drew for skipped batches counts already
    }
    const total = this.length;
    while (total === undefined || this.#position < total) {
      const taken = await settle(walks, (walk) => this.#next(walk));
      const over = this.mode === 'minSize' ? taken.includes(OVER) : walks.every((walk) => walk.exhausted);
      if (over) {
        dispose(walks, taken);
        return;
      }
      yield this.#list.assemble(cycle ? await restarted(walks, taken) : taken.map(withoutOver));
    }
  }

  #next(walk: MemberWalk): Promise<unknown> {
    return this.mode === 'maxSize' && walk.exhausted ? Promise.resolve(OVER) : walk.next();
  }
}

const withoutOver = (part: unknown): unknown => (part === OVER ? undefined : part);

/** Has those that are over begin again. */
async function restarted(walks: readonly MemberWalk[], taken: readonly unknown[]): Promise<readonly unknown[]> {
  if (!taken.includes(OVER)) return taken;
  return settle(walks, (walk, i) => (taken[i] === OVER ? walk.restart() : Promise.resolve(taken[i])));
}

/** Takes from all at once. When one fails, what the others gave is disposed of. */
async function settle(
  walks: readonly MemberWalk[],
  take: (walk: MemberWalk, i: number) => Promise<unknown>,
): Promise<unknown[]> {
  const results = await Promise.allSettled(walks.map(take));
  const failed = results.find((result) => result.status === 'rejected');
  const taken = results.map((result) => (result.status === 'fulfilled' ? result.value : OVER));
  if (failed === undefined) return taken;
  dispose(walks, taken);
  throw failed.reason;
}

function dispose(walks: readonly MemberWalk[], taken: readonly unknown[]): void {
  taken.forEach((batch, i) => {
    if (batch !== OVER) (walks[i] as MemberWalk).release(batch);
  });
}

const unknownMode = (mode: unknown): ConfigError =>
  new ConfigError('CombinedLoader: `mode`', {
    code: 'invalid-option',
    expected: MODES.map((each) => `'${each}'`).join(' or '),
    got: show(mode),
  });

const sequentialMember = (): ConfigError =>
  new ConfigError('CombinedLoader', {
    code: 'invalid-loader',
    expected: 'members that can be walked through side by side',
    got: "a CombinedLoader of mode 'sequential'",
    help: 'give its loaders one by one, or another mode',
  });

const wrongState = (seed: LoaderSeed, count: number): DataError =>
  new DataError('CombinedLoader: this state does not fit', {
    code: 'loader-state',
    expected: `the seeds of ${count} loaders`,
    got: show(seed),
    help: 'resume with the loaders that the state was saved with',
  });
