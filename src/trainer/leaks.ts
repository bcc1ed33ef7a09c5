/**
 * Finds who leaves tensors behind: counts them before and after each hook, step and read of a loader, and names the one
 * with which the count keeps growing. Made only with the flag `detectLeaks`.
 */
import { ConfigError } from '../core/errors.ts';
import { isThenable, visitTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { tensorsInLogs } from '../module/log-entry.ts';

/** Somebody who leaves tensors behind. */
export interface TensorLeak {
  /** The hook, step or loader: `'[Callback]Hoarder.onTrainBatchEnd'`. */
  readonly source: string;
  /** The optimizer step and epoch since which the count has grown. */
  readonly sinceStep: number;
  readonly sinceEpoch: number;
  /** Tensors left behind from then until it was noticed, and the calls in which they were. */
  readonly tensors: number;
  readonly calls: number;
}

/** How often the count is looked at: after a batch, after an evaluation, after an epoch. */
export type LeakPeriod = 'batch' | 'evaluation' | 'epoch';

/** So many periods in a row must grow: what is kept once, such as averaged weights, is no leak. */
const PATIENCE: Readonly<Record<LeakPeriod, number>> = { batch: 10, evaluation: 3, epoch: 3 };

/** Whoever may hold tensors: a callback, the module's hooks, its steps, a loader. */
interface Suspect {
  /** Net growth in the running period by hook. A hook may give back what another one has taken. */
  readonly growth: Map<string, number>;
  /** What the owner held in all when the last period ended: what is taken in one and given back in another is no leak. */
  held: number;
  calls: number;
  /** Of the periods in a row that have grown: how many, by how much, in how many calls, since when. */
  streak: number;
  tensors: number;
  streakCalls: number;
  since: { readonly step: number; readonly epoch: number };
}

/** Tensors alive, but for those that wait in the log to be read. */
const count = (): number => tf.memory().numTensors - tensorsInLogs();

export class LeakLedger {
  readonly leaks: TensorLeak[] = [];
  readonly #fatal: boolean;
  readonly #where: () => { readonly step: number; readonly epoch: number };
  readonly #suspects: Readonly<Record<LeakPeriod, Map<string, Suspect>>> = {
    batch: new Map(),
    evaluation: new Map(),
    epoch: new Map(),
  };
  /** What each owner holds, over all periods. */
  readonly #held = new Map<string, number>();
  /** Growth that somebody has been charged with. */
  #charged = 0;

  constructor(mode: true | 'error', where: () => { readonly step: number; readonly epoch: number }) {
    this.#fatal = mode === 'error';
    this.#where = where;
  }

  /** The count of now, to be handed to {@link charge} later. What is charged in between does not count. */
  mark(): number {
    return count() - this.#charged;
  }

  /** Charges `owner` with the growth since `mark`, less `expected`. */
  charge(period: LeakPeriod, owner: string, source: string, mark: number, expected = 0): void {
    const grown = this.mark() - mark - expected;
    this.#charged += grown;
    this.#held.set(owner, (this.#held.get(owner) ?? 0) + grown);
    const suspect = this.#suspects[period].get(owner) ?? newSuspect();
    this.#suspects[period].set(owner, suspect);
    suspect.calls++;
    suspect.growth.set(source, (suspect.growth.get(source) ?? 0) + grown);
  }

  /** Runs `body` and charges `owner` with what it leaves. A promise is waited for. */
  watch<T>(period: LeakPeriod, owner: string, source: string, body: () => T): T {
    const mark = this.mark();
    const result = body();
    if (!isThenable(result)) {
      this.charge(period, owner, source, mark);
      return result;
    }
    return Promise.resolve(result).then((value) => {
      this.charge(period, owner, source, mark);
      return value;
    }) as T;
  }

  /**
   * Ends a period: whose count has grown in enough of them in a row is warned of, once.
   *
   * @throws ConfigError `tensor-leak` with `detectLeaks: 'error'`
   */
  endPeriod(period: LeakPeriod): void {
    for (const [owner, suspect] of this.#suspects[period]) {
      const inPeriod = [...suspect.growth.values()].reduce((sum, each) => sum + each, 0);
      const held = this.#held.get(owner) ?? 0;
      const grown = Math.min(inPeriod, held - suspect.held);
      suspect.held = held;
      if (grown > 0) {
        if (suspect.streak === 0) suspect.since = this.#where();
        suspect.streak++;
        suspect.tensors += grown;
        suspect.streakCalls += suspect.calls;
      } else Object.assign(suspect, { streak: 0, tensors: 0, streakCalls: 0 });
      if (suspect.streak === PATIENCE[period]) this.#report(owner, suspect);
      suspect.growth.clear();
      suspect.calls = 0;
    }
  }

  /** Passes over what the running period has come to: the sanity check is none. */
  forget(period: LeakPeriod): void {
    for (const suspect of this.#suspects[period].values()) {
      suspect.growth.clear();
      suspect.calls = 0;
    }
  }

  #report(owner: string, { growth, tensors, streakCalls, since }: Suspect): void {
    const worst = [...growth].sort(([, a], [, b]) => b - a)[0]?.[0] as string;
    const source = `${owner}.${worst}`;
    if (this.leaks.some((leak) => leak.source === source)) return;
    this.leaks.push({ source, tensors, calls: streakCalls, sinceStep: since.step, sinceEpoch: since.epoch });
    const error = new ConfigError(`${source} leaves tensors behind`, {
      code: 'tensor-leak',
      expected: 'as many tensors after it as before',
      got: `${tensors} more in ${streakCalls} calls, since optimizer step ${since.step} of epoch ${since.epoch}`,
      help: 'wrap it in `tf.tidy`, dispose of what it keeps, or gather numbers in place of tensors',
    });
    if (this.#fatal) throw error;
    process.emitWarning(error.message, { type: 'KelvinWarning', code: error.code });
  }
}

const newSuspect = (): Suspect => ({
  growth: new Map(),
  held: 0,
  calls: 0,
  streak: 0,
  tensors: 0,
  streakCalls: 0,
  since: { step: 0, epoch: 0 },
});

/** How many tensors a batch has that are not yet gone. */
export function tensorsIn(batch: unknown): number {
  let found = 0;
  visitTensors(batch, (tensor) => {
    if (!tensor.isDisposed) found++;
  });
  return found;
}
