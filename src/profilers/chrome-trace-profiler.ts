/** ChromeTraceProfiler: every action as a slice on a time line, to be opened in Perfetto or chrome://tracing. */
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import { parseOptions, text } from '../core/options.ts';
import type { ActionKind, ProfiledRun } from '../core/profiling.ts';
import { Profiler } from './profiler.ts';
import { type TraceEvent, TraceFile } from './trace-file.ts';

/** Options of {@link ChromeTraceProfiler}. */
export interface ChromeTraceProfilerOptions {
  /** The file. Default: `trace.json` in the run's log directory. One that is there is kept: `trace-1.json`. */
  path?: string | undefined;
}

const schema = z.strictObject({ path: text().optional() });

/** Events are written when so many wait, or some have waited for a second. */
const MOST_WAITING = 512;
const LONGEST_WAIT = 1000;
/** So few are no reason to open the file: a resumed run learns late where it belongs. */
const FEW = 64;

const PID = process.pid;
/** Slices lie within one another on the first track; what ends before something that began in it goes to the second. */
const TRACKS = { nested: 1, overlapping: 2 } as const;

/**
 * Writes a time line in Chrome's trace-event format: epochs, batches, hooks, steps, validation, waiting for data and
 * checkpoints as nested slices. Open it at https://ui.perfetto.dev or chrome://tracing. The file is whole JSON after each
 * write, at least once a second, so it can be read after a crash; a disk that takes nothing is warned about once.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * await new Trainer({ profiler: new ChromeTraceProfiler({ path: 'trace.json' }), maxSteps: 200 }).fit(module, loaders);
 * ```
 */
export class ChromeTraceProfiler extends Profiler {
  readonly #given: string | undefined;
  #waiting: TraceEvent[] = [];
  #open: object[] = [];
  #run: ProfiledRun | undefined;
  #file: TraceFile | undefined;
  #broken = false;
  #lastWrite = performance.now();

  constructor(options: ChromeTraceProfilerOptions = {}) {
    super();
    this.#given = parseOptions('ChromeTraceProfiler', schema, options).path;
  }

  /** The file, once something has been written. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  begin(name: string, cat: ActionKind): () => void {
    const token = {};
    this.#open.push(token);
    const started = performance.now();
    return () => {
      const now = performance.now();
      const innermost = this.#open.at(-1) === token;
      if (innermost) this.#open.pop();
      else this.#open = this.#open.filter((other) => other !== token);
      const tid = innermost ? TRACKS.nested : TRACKS.overlapping;
      this.#waiting.push({ name, cat, ph: 'X', ts: started * 1000, dur: (now - started) * 1000, pid: PID, tid });
      const waited = now - this.#lastWrite > LONGEST_WAIT && this.#waiting.length >= FEW;
      if (waited || this.#waiting.length >= MOST_WAITING) this.#write();
    };
  }

  override open(run: ProfiledRun): void {
    this.#run = run;
  }

  override close(run: ProfiledRun): void {
    super.close(run);
    this.#open = [];
    this.#write();
  }

  #write(): void {
    const events = this.#waiting;
    this.#waiting = [];
    this.#lastWrite = performance.now();
    if (this.#broken) return;
    try {
      this.#file ??= this.#create();
      this.#file.append(events);
    } catch (error) {
      this.#broken = true;
      process.emitWarning(`ChromeTraceProfiler cannot write: ${messageOf(error)}`, { type: 'KelvinWarning' });
    }
  }

  #create(): TraceFile {
    const file = new TraceFile(this.#given ?? join(this.#run?.logDir() ?? '.', 'trace.json'));
    const names = { nested: 'training', overlapping: 'overlapping actions' };
    file.append([
      { ph: 'M', name: 'process_name', pid: PID, tid: 0, args: { name: 'kelvin' } },
      ...Object.entries(TRACKS).map(
        ([track, tid]): TraceEvent => ({
          ph: 'M',
          name: 'thread_name',
          pid: PID,
          tid,
          args: { name: names[track as keyof typeof TRACKS] },
        }),
      ),
    ]);
    return file;
  }
}
