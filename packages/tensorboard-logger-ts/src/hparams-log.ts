/** The hyper-parameters of one writer: written once, with the experiment before and the end of the session at the end. */
import { TensorBoardWriterError } from './errors.ts';
import type { EventWriter } from './event-writer.ts';
import * as hp from './kinds/hparams.ts';

/** Options of {@link SummaryWriter.addHparams}. */
export interface HparamsOptions {
  /** Runs of one group are shown as one row. Default: each run is its own. */
  readonly groupName?: string | undefined;
  /** The step at which metric values are written. Default: 0. */
  readonly step?: number | undefined;
}

/** Metric tags, or values that are written as scalars. */
export type HparamsMetrics = readonly string[] | Readonly<Record<string, number>>;

/** Writes the three parts at their times. */
export class HparamsLog {
  readonly #events: EventWriter;
  #written: string | undefined;

  constructor(events: EventWriter) {
    this.#events = events;
  }

  add(hparams: hp.Hparams, metrics: HparamsMetrics, { groupName, step = 0 }: HparamsOptions): void {
    hp.checkHparams(hparams);
    const now = this.#events.check(step, undefined) / 1000;
    const names = isNames(metrics) ? metrics : Object.keys(metrics);
    const entries = Object.entries(hparams).map(([key, value]) => [key, String(value)]);
    const content = JSON.stringify([entries, names, groupName]);
    if (this.#written !== undefined && this.#written !== content) {
      const text = `The hyper-parameters of "${this.#events.file}" are written already, and TensorBoard shows the first of a run.`;
      throw new TensorBoardWriterError('hparams-already-written', `${text} Use another log directory for another run.`);
    }
    if (this.#written === undefined) {
      this.#events.add(hp.HPARAMS_TAGS.experiment, hp.experimentPayload(hparams, names, now), 0, now);
      this.#events.add(hp.HPARAMS_TAGS.sessionStart, hp.sessionStartPayload(hparams, groupName, now), 0, now);
      this.#written = content;
    }
    if (isNames(metrics)) return;
    for (const [tag, value] of Object.entries(metrics)) this.#events.addScalar(tag, value, step, undefined);
  }

  /** Says how the run ended, if it has hyper-parameters. */
  end(status: hp.RunStatus): void {
    if (this.#written === undefined || status === 'running') return;
    const now = Date.now() / 1000;
    this.#events.add(hp.HPARAMS_TAGS.sessionEnd, hp.sessionEndPayload(status, now), 0, now);
  }
}

function isNames(metrics: HparamsMetrics): metrics is readonly string[] {
  return Array.isArray(metrics);
}
