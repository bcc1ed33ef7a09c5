/** The scalars of all runs below a directory, kept up to date while they are written. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { followEvents, listRuns } from 'tensorboard-logger-ts';
import { messageOf } from '../../core/errors.ts';

/** Step, value and seconds since 1970. A value that JSON lacks (NaN, infinite) is null. */
export type Point = readonly [step: number, value: number | null, wallTime: number];

/** Points by run and tag. */
export type Curves = Readonly<Record<string, Readonly<Record<string, readonly Point[]>>>>;

/** New points of a curve, and how many there were before: so that points that are told twice do no harm. */
export interface News {
  readonly from: number;
  readonly points: readonly Point[];
}

/** What has changed in a run, by tag; with `reset` that is all there is, since the run was resumed. */
export interface Change {
  readonly run: string;
  readonly curves: Readonly<Record<string, News>>;
  readonly reset: boolean;
}

/** By tag, how many points were told before. */
interface Pending {
  readonly told: Map<string, number>;
  reset: boolean;
}

/** Follows the runs below a directory until `stop`. */
export class RunCurves {
  readonly #directory: string;
  readonly #pollSecs: number;
  readonly #runs = new Map<string, Map<string, Point[]>>();
  readonly #pending = new Map<string, Pending>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #stopping = new AbortController();
  readonly #following: Promise<unknown>[] = [];
  /** What could not be read, by run. */
  readonly problems = new Map<string, string>();

  constructor(directory: string, { pollSecs = 1 }: { pollSecs?: number | undefined } = {}) {
    this.#directory = directory;
    this.#pollSecs = pollSecs;
    this.#following.push(this.#lookForRuns());
  }

  /** All points read so far. */
  all(): Curves {
    return Object.fromEntries([...this.#runs].map(([run, tags]) => [run, Object.fromEntries(tags)]));
  }

  /** Calls `listener` about twice a second while there is news; returns how to end that. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#following);
  }

  async #lookForRuns(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // A directory that is not there yet may come.
      for (const run of await listRuns(this.#directory).catch(() => [])) {
        if (this.#runs.has(run)) continue;
        this.#runs.set(run, new Map());
        this.#following.push(this.#follow(run));
      }
      this.#tell();
      await wait(500 * this.#pollSecs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #follow(run: string): Promise<void> {
    const { signal } = this.#stopping;
    let started = false;
    try {
      for await (const event of followEvents(join(this.#directory, run), { pollSecs: this.#pollSecs, signal })) {
        if (event.sessionLog === 'start') {
          if (started) this.#purge(run, event.step);
          started = true;
        }
        for (const { tag, scalar } of event.values) {
          if (scalar !== undefined)
            this.#add(run, tag, [event.step, Number.isFinite(scalar) ? scalar : null, event.wallTime]);
        }
      }
    } catch (error) {
      this.problems.set(run, messageOf(error));
    }
  }

  #add(run: string, tag: string, point: Point): void {
    const tags = this.#runs.get(run) ?? new Map<string, Point[]>();
    const points = tags.get(tag) ?? [];
    const { told } = this.#news(run);
    if (!told.has(tag)) told.set(tag, points.length);
    points.push(point);
    tags.set(tag, points);
    this.#runs.set(run, tags);
  }

  // As TensorBoard does: a later session start voids what was there at its step or later.
  #purge(run: string, step: number): void {
    const tags = this.#runs.get(run) ?? new Map<string, Point[]>();
    const kept = new Map([...tags].map(([tag, points]) => [tag, points.filter(([at]) => at < step)]));
    if ([...tags].every(([tag, points]) => kept.get(tag)?.length === points.length)) return;
    this.#runs.set(run, kept);
    this.#news(run).reset = true;
  }

  #news(run: string): Pending {
    const news = this.#pending.get(run) ?? { told: new Map<string, number>(), reset: false };
    this.#pending.set(run, news);
    return news;
  }

  #tell(): void {
    for (const [run, { told, reset }] of this.#pending) {
      const tags = this.#runs.get(run) ?? new Map<string, Point[]>();
      const curves = [...tags].flatMap(([tag, points]): [string, News][] => {
        const from = reset ? 0 : told.get(tag);
        return from === undefined ? [] : [[tag, { from, points: points.slice(from) }]];
      });
      for (const listener of this.#listeners) listener({ run, curves: Object.fromEntries(curves), reset });
    }
    this.#pending.clear();
  }
}
