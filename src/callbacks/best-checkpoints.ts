/** The table of the best checkpoints: which are kept, which of them is the best, which gives way to a better one. */
import type { JsonObject } from '../core/contracts.ts';
import { isBetterScore } from './monitor.ts';

/** Which checkpoints a table keeps. */
export interface Ranking {
  readonly mode: 'min' | 'max';
  /** How many; `-1` for all, `0` for none. */
  readonly saveTopK: number;
  /** Without a metric to judge by, the newest is the best. */
  readonly monitor?: string | undefined;
}

/** Checkpoints by path, with their scores. */
export class BestCheckpoints {
  readonly #ranking: Ranking;
  #kept = new Map<string, number>();
  #bestPath = '';

  constructor(ranking: Ranking) {
    this.#ranking = ranking;
  }

  /** The best so far, or `''`. */
  get bestPath(): string {
    return this.#bestPath;
  }

  /** The score of the best, where it is in the table. */
  get bestScore(): number | undefined {
    return this.#kept.get(this.#bestPath);
  }

  /** Whether a checkpoint with this score is to be kept. */
  admits(score: number): boolean {
    const { saveTopK, monitor } = this.#ranking;
    if (saveTopK === 0) return false;
    if (saveTopK === -1 || monitor === undefined || this.#kept.size < saveTopK) return true;
    return this.#isBetter(score, this.#kept.get(this.#worst()));
  }

  /** Enters a checkpoint. Returns the path of the one that it replaces. */
  add(path: string, score: number): string | undefined {
    const { saveTopK } = this.#ranking;
    const dropped = saveTopK === -1 || this.#kept.size < saveTopK ? undefined : this.#worst();
    if (dropped !== undefined) this.#kept.delete(dropped);
    this.#kept.set(path, score);
    const bestIsGone = this.#bestPath === '' || !this.#kept.has(this.#bestPath);
    if (bestIsGone || this.#isBetter(score, this.bestScore)) this.#bestPath = path;
    return dropped;
  }

  stateDict(): { readonly kept: [string, number][]; readonly bestPath: string } {
    return { kept: [...this.#kept], bestPath: this.#bestPath };
  }

  /** `sameDirectory: false`: the table of another directory is of no use here, but the best of it is still the best. */
  loadStateDict(state: JsonObject, { sameDirectory }: { sameDirectory: boolean }): void {
    this.#bestPath = state.bestPath as string;
    if (sameDirectory) this.#kept = new Map(state.kept as [string, number][]);
  }

  /** The kept checkpoint with the worst score; of equals the newest, so that ties keep the earliest. */
  #worst(): string {
    const entries = [...this.#kept];
    return entries.reduce((a, b) => (this.#isBetter(a[1], b[1]) || a[1] === b[1] ? b : a))[0];
  }

  #isBetter(score: number, than: number | undefined): boolean {
    return isBetterScore(this.#ranking.mode, score, than);
  }
}
