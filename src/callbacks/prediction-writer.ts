/** Writes predictions while they are made: to a csv file, or to wherever a function puts them. */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, parseOptions, text } from '../core/options.ts';
import { disposeTensors, keepTensors } from '../core/tensors.ts';
import { csvLine, predictionTable } from './prediction-table.ts';

/** What `predictStep` returned for a batch, and which batch it was. */
export interface BatchPredictions<P = unknown> {
  readonly outputs: P;
  readonly batchIdx: number;
  readonly dataloaderIdx: number;
}

/** Options of {@link PredictionWriter}; at least one of them is needed. */
export interface PredictionWriterOptions {
  /** A csv file: `dataloader,batch,sample`, then the numbers of the prediction. It appears when all is written. */
  path?: string | undefined;
  /** Called after each batch. The tensors are gone afterwards. */
  writeBatch?: ((predictions: BatchPredictions, batch: unknown) => void | Promise<void>) | undefined;
  /** Called after all batches, with all predictions. The tensors are gone afterwards. */
  writeEpoch?: ((predictions: readonly BatchPredictions[]) => void | Promise<void>) | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const schema = z.strictObject({
  path: text().optional(),
  writeBatch: anyThat<PredictionWriterOptions['writeBatch']>('a function', isFunction).optional(),
  writeEpoch: anyThat<PredictionWriterOptions['writeEpoch']>('a function', isFunction).optional(),
});

/**
 * Writes what `trainer.predict` predicts, batch by batch, so that it never has to be in memory at once: give
 * `returnPredictions: false` to `predict` then. A run that fails leaves no file behind.
 *
 * @throws ConfigError `missing-option` without any option; while predicting, `invalid-prediction` for what does not fit
 * into a table
 *
 * @example
 * ```ts
 * const writer = new PredictionWriter({ path: 'predictions.csv' });
 * await new Trainer({ callbacks: writer }).predict(module, test, { returnPredictions: false });
 * ```
 */
export class PredictionWriter implements Callback {
  readonly #options: PredictionWriterOptions;
  #file: FileHandle | undefined;
  #columns = '';
  #samples: number[] = [];
  #kept: BatchPredictions[] = [];

  constructor(options: PredictionWriterOptions) {
    this.#options = parseOptions('PredictionWriter', schema, options);
    if (Object.values(this.#options).every((option) => option === undefined)) throw missingOption();
  }

  async onPredictStart(): Promise<void> {
    const { path } = this.#options;
    if (path === undefined) return;
    await mkdir(dirname(path), { recursive: true });
    this.#columns = '';
    this.#samples = [];
    this.#file = await open(temporary(path), 'w');
  }

  async onPredictBatchEnd(
    _trainer: TrainerView,
    _module: ModuleView,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Promise<void> {
    const predictions = { outputs, batchIdx, dataloaderIdx };
    await this.#writeLines(predictions);
    await this.#options.writeBatch?.(predictions, batch);
    if (this.#options.writeEpoch !== undefined) this.#kept.push({ ...predictions, outputs: keepTensors(outputs) });
  }

  async onPredictEpochEnd(): Promise<void> {
    try {
      await this.#options.writeEpoch?.(this.#kept);
    } finally {
      this.#drop();
    }
  }

  async onPredictEnd(): Promise<void> {
    const { path } = this.#options;
    if (path === undefined) return;
    await this.#file?.sync();
    await this.#close();
    await rename(temporary(path), path);
  }

  async onException(): Promise<void> {
    this.#drop();
    if (this.#file === undefined) return;
    await this.#close();
    await rm(temporary(this.#options.path as string), { force: true });
  }

  async #writeLines({ outputs, batchIdx, dataloaderIdx }: BatchPredictions): Promise<void> {
    if (this.#file === undefined) return;
    const { columns, rows } = predictionTable(outputs);
    const header = csvLine(['dataloader', 'batch', 'sample', ...columns]);
    if (this.#columns === '') await this.#file.write(header);
    else if (this.#columns !== header) throw otherColumns(this.#columns, header);
    this.#columns = header;
    const first = this.#samples[dataloaderIdx] ?? 0;
    this.#samples[dataloaderIdx] = first + rows.length;
    await this.#file.write(rows.map((row, i) => csvLine([dataloaderIdx, batchIdx, first + i, ...row])).join(''));
  }

  async #close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #drop(): void {
    disposeTensors(this.#kept);
    this.#kept = [];
  }
}

const temporary = (path: string): string => `${path}.tmp`;

function missingOption(): ConfigError {
  return new ConfigError('PredictionWriter', {
    code: 'missing-option',
    expected: '`path`, `writeBatch` or `writeEpoch`',
    got: 'none of them',
  });
}

function otherColumns(before: string, now: string): ConfigError {
  return new ConfigError('PredictionWriter: the columns', {
    code: 'invalid-prediction',
    expected: `${before.trim()}, as in the first batch`,
    got: now.trim(),
  });
}
