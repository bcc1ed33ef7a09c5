/** ModelSummary: prints what a module consists of, and how many parameters that is, before it is trained. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { anyThat, parseOptions, wholeNumber } from '../core/options.ts';
import { isOutput, type Output } from './output.ts';
import { summarize } from './summary-table.ts';

/** Options of {@link ModelSummary}. */
export interface ModelSummaryOptions {
  /** 0: the module's fields; 1 (default): the layers of models in them, too; -1: everything. */
  maxDepth?: number | undefined;
  /** Where it is printed. Default `process.stderr`. */
  stream?: Output | undefined;
}

const schema = z.strictObject({
  maxDepth: wholeNumber(-1).default(1),
  stream: anyThat<Output>('a stream to write to', isOutput).optional(),
});

/**
 * Prints the model summary when a fit starts. The trainer adds one unless `enableModelSummary` is off.
 *
 * @throws ConfigError `unknown-option` or `invalid-option`
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new ModelSummary({ maxDepth: -1 }) });
 * ```
 */
export class ModelSummary implements Callback {
  readonly role = 'summary';
  readonly #options: z.output<typeof schema>;

  constructor(options: ModelSummaryOptions = {}) {
    this.#options = parseOptions('ModelSummary', schema, options);
  }

  onFitStart(_trainer: TrainerView, module: ModuleView): void {
    const { stream = process.stderr, maxDepth } = this.#options;
    stream.write(`${summarize(module, { maxDepth })}\n`);
  }
}
