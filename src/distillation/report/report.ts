/** The findings of an evaluation, and the forms in which people and programs read them. */
import { ConfigError } from '../../core/errors.ts';
import { page } from './page.ts';
import { type Estimate, pairedGain } from './statistics.ts';
import { comparison, markdownTable, textTable } from './tables.ts';
import type { CalibrationBin } from './tally.ts';

/** One model's findings; a model that was trained with several seeds is one model here. */
export interface EvaluatedModel {
  readonly name: string;
  /** Samples of the test set. */
  readonly samples: number;
  readonly errors: Estimate;
  /** Correctly classified share, 0 to 1. */
  readonly accuracy: Estimate;
  /** Share of the samples for which it says what the reference says, right or wrong. */
  readonly agreement: Estimate;
  /** KL(reference ‖ model) at temperature 1, mean over the samples, in nats. */
  readonly kl: Estimate;
  /** Expected calibration error, 0 to 1. One seed has no interval. */
  readonly ece: Estimate;
  /** The share of each class that it finds; NaN for a class that is not in the test set. */
  readonly sensitivity: readonly number[];
  /** Confidence and accuracy by bin, of the first seed. */
  readonly calibration: readonly CalibrationBin[];
  /** What the reference said and this model said instead, the most frequent first; means over seeds. */
  readonly disagreements: readonly { readonly reference: number; readonly model: number; readonly samples: number }[];
  /** All weights, those included that are not trained; undefined where they cannot be told, as of an ONNX file. */
  readonly parameters: number | undefined;
  readonly bytes: number | undefined;
  /** Multiply-accumulates for one sample; undefined where the network cannot tell. */
  readonly macs: number | undefined;
  /** Whether it was timed as one compiled call of the engine, and not layer by layer. */
  readonly compiled: boolean;
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  /** Samples per second in batches. */
  readonly throughput: number;
}

/** What a report is made of. */
export interface ReportContent {
  readonly title: string;
  /** The engine that ran the models. */
  readonly engine: string;
  readonly rows: readonly EvaluatedModel[];
  /** The row that the others are compared with. */
  readonly standard: number;
  readonly classNames?: readonly string[] | undefined;
}

/** Takes text: TensorBoard's writer, for example. */
export interface TextWriter {
  addText(tag: string, text: string, step: number): unknown;
}

/**
 * The findings of {@link evaluateDistillation}: as a table, Markdown, JSON, and a page that needs nothing from elsewhere.
 *
 * @example
 * ```ts
 * const report = await evaluateDistillation({ teacher, student }, test);
 * logger.useWriter((writer) => report.writeTo(writer, 'report.html'));
 * ```
 */
export class DistillationReport {
  readonly title: string;
  readonly engine: string;
  readonly rows: readonly EvaluatedModel[];
  /** The row that the others are compared with, most often the teacher's. */
  readonly reference: EvaluatedModel;
  readonly #classNames: readonly string[] | undefined;

  constructor({ title, engine, rows, standard, classNames }: ReportContent) {
    this.title = title;
    this.engine = engine;
    this.rows = rows;
    this.reference = rows[standard] as EvaluatedModel;
    this.#classNames = classNames;
  }

  /** How many times smaller a model's weights are than the reference's; NaN where either is not known. */
  sizeReduction({ bytes }: EvaluatedModel): number {
    return (this.reference.bytes ?? Number.NaN) / (bytes ?? Number.NaN);
  }

  /** How many times faster a model answers for one sample, by the median. */
  speedUp({ latencyP50Ms }: EvaluatedModel): number {
    return this.reference.latencyP50Ms / latencyP50Ms;
  }

  /** The name of a class. */
  className(index: number): string {
    return this.#classNames?.[index] ?? String(index);
  }

  /**
   * The accuracy of one model above that of another, paired by seed: runs that share a seed are compared with one another.
   *
   * @throws ConfigError `unknown-model`, `other-seeds` where there are not as many runs of the one as of the other
   */
  gain(own: string, over: string): Estimate {
    const [first, second] = [own, over].map((name) => this.#row(name).accuracy.seeds) as [number[], number[]];
    if (first.length === second.length) return pairedGain(first, second, this.reference.samples);
    throw new ConfigError(`DistillationReport.gain of '${own}' over '${over}'`, {
      code: 'other-seeds',
      expected: 'as many seeds of both',
      got: `${first.length} and ${second.length}`,
    });
  }

  /** How each of the others compares with the reference, a sentence each. */
  findings(): string[] {
    return this.rows.filter((row) => row !== this.reference).map((row) => `${row.name} ${comparison(this, row)}`);
  }

  #row(name: string): EvaluatedModel {
    const row = this.rows.find((one) => one.name === name);
    if (row !== undefined) return row;
    throw new ConfigError('DistillationReport.gain', {
      code: 'unknown-model',
      expected: this.rows.map((one) => `'${one.name}'`).join(' or '),
      got: `'${name}'`,
    });
  }

  /** For terminals. */
  toTable(): string {
    return textTable(this);
  }

  /** For issues, pull requests, and TensorBoard's text tab. */
  toMarkdown(): string {
    return markdownTable(this);
  }

  /** One HTML page with tables and plots; it fetches nothing. */
  toHTML(): string {
    return page(this);
  }

  /** Everything, as plain data: `JSON.stringify(report)`. */
  toJSON(): object {
    return {
      title: this.title,
      engine: this.engine,
      reference: this.reference.name,
      models: this.rows.map((row) => ({ ...row, sizeReduction: this.sizeReduction(row), speedUp: this.speedUp(row) })),
    };
  }

  /** Writes the table into TensorBoard's text tab, with a link to the page where `href` says where it is. */
  writeTo(writer: TextWriter, href?: string, step = 0): void {
    const link = href === undefined ? '' : `\n\n[The whole report](${href})`;
    writer.addText('distillation/report', this.toMarkdown() + link, step);
  }
}
