/** Tries out learning rates before training begins and takes the one where the loss falls most steeply. */
import { z } from 'zod';
import type { Callback, ModuleView, OptimizerLike, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { flag, oneOf, parseOptions, positiveNumber, text, wholeNumber } from '../core/options.ts';
import { type LearningRateRange, ratesToTry, suggestRate } from './learning-rate-range.ts';

/** Options of {@link LearningRateFinder} and `lrFind`. */
export interface LearningRateFinderOptions {
  /** The smallest rate to try. Default 1e-8. */
  minLr?: number | undefined;
  /** The largest rate to try. Default 1. */
  maxLr?: number | undefined;
  /** Optimizer steps, each with the next larger rate. Default 100. */
  numTraining?: number | undefined;
  /** Rates grow by a factor (`'exponential'`, default) or by a step (`'linear'`). */
  mode?: 'exponential' | 'linear' | undefined;
  /** End when the loss exceeds the best by this factor; `null` for never. Default 4. */
  earlyStopThreshold?: number | null | undefined;
  /** Use the suggestion: set the optimizer's rate and the module's field. Default `true`. */
  updateAttr?: boolean | undefined;
  /** The module's field that is set. Default `lr` or `learningRate`, whichever it has. */
  attrName?: string | undefined;
  /** The name of the optimizer whose rate is looked for, where there are several. Only its loss counts. */
  optimizer?: string | undefined;
}

const schema = z.strictObject({
  minLr: positiveNumber().default(1e-8),
  maxLr: positiveNumber().default(1),
  numTraining: wholeNumber(2).default(100),
  mode: oneOf('exponential', 'linear').default('exponential'),
  earlyStopThreshold: positiveNumber().nullable().default(4),
  updateAttr: flag().default(true),
  attrName: text('the name of a field').optional(),
  optimizer: text('the name of an optimizer').optional(),
});

/** How much of the smoothed loss a step leaves. */
const SMOOTHING = 0.98;

type Group = OptimizerLike['paramGroups'][number] & { initialLr?: number | undefined };

/**
 * The learning rate range test (Smith 2017) before training begins: takes some optimizer steps with growing rates, puts
 * weights, optimizer and random stream back, and trains with the rate at which the loss fell most steeply. Nothing is
 * logged or counted. Other parameter groups keep their ratio to the first, schedulers start from the new rate.
 *
 * With several optimizers, `optimizer` names the one that is meant; the others step at their own rates.
 *
 * It does nothing when a run is resumed or goes on. To look at the curve without training, see `lrFind`.
 *
 * @throws ConfigError for wrong options, and `no-learning-rate` when the module has no field to set
 *
 * @example
 * ```ts
 * const finder = new LearningRateFinder({ minLr: 1e-5 });
 * await new Trainer({ callbacks: finder }).fit(module, loaders);
 * finder.result?.suggestion;
 * ```
 */
export class LearningRateFinder implements Callback {
  readonly #options: z.output<typeof schema>;
  #result: LearningRateRange | undefined;
  #resumed = false;

  constructor(options: LearningRateFinderOptions = {}) {
    this.#options = parseOptions('LearningRateFinder', schema, options);
    const { minLr, maxLr } = this.#options;
    if (minLr >= maxLr) throw contradiction(minLr, maxLr);
  }

  /** What the last test has found. */
  get result(): LearningRateRange | undefined {
    return this.#result;
  }

  setup(): void {
    this.#resumed = false;
  }

  onLoadCheckpoint(): void {
    this.#resumed = true;
  }

  async onFitStart(trainer: TrainerView, module: ModuleView): Promise<void> {
    if (this.#resumed || trainer.globalBatch > 0 || trainer.fastDevRun) return;
    const { updateAttr } = this.#options;
    const field = updateAttr ? this.#field(module) : undefined;
    let tuned: OptimizerLike | undefined;
    this.#result = await this.#test(trainer, (optimizer) => {
      tuned = optimizer;
    });
    const { suggestion } = this.#result;
    if (!updateAttr || tuned === undefined || suggestion === undefined) return;
    if (field !== undefined) (module as unknown as Record<string, unknown>)[field] = suggestion;
    setRate(tuned, suggestion);
  }

  async #test(trainer: TrainerView, onOptimizer: (tuned: OptimizerLike) => void): Promise<LearningRateRange> {
    const { minLr, maxLr, numTraining, mode, earlyStopThreshold, optimizer: name } = this.#options;
    const rates = ratesToTry(minLr, maxLr, numTraining, mode);
    const losses: number[] = [];
    let average = 0;
    let best = Number.POSITIVE_INFINITY;
    await trainer.tools.tryTraining({
      steps: numTraining,
      optimizer: name,
      beforeStep: (step, optimizer) => {
        onOptimizer(optimizer);
        for (const group of optimizer.paramGroups) group.lr = rates[step] as number;
      },
      afterStep: (step, loss) => {
        average = SMOOTHING * average + (1 - SMOOTHING) * loss;
        const smoothed = average / (1 - SMOOTHING ** (step + 1));
        losses.push(smoothed);
        if (!Number.isFinite(smoothed)) return false;
        if (earlyStopThreshold !== null && step > 0 && smoothed > earlyStopThreshold * best) return false;
        best = Math.min(best, smoothed);
        return true;
      },
    });
    const lrs = rates.slice(0, losses.length);
    return { lrs, losses, suggestion: suggestRate(lrs, losses) };
  }

  /** The field to set; none when one of several optimizers is meant and no field is named. */
  #field(module: ModuleView): string | undefined {
    const { attrName, optimizer } = this.#options;
    const found = (attrName === undefined ? ['lr', 'learningRate'] : [attrName]).find((name) => name in module);
    if (optimizer !== undefined && attrName === undefined) return undefined;
    if (found !== undefined) return found;
    throw new ConfigError(`LearningRateFinder: ${module.constructor.name}`, {
      code: 'no-learning-rate',
      expected: attrName === undefined ? 'a field `lr` or `learningRate`' : `a field \`${attrName}\``,
      got: 'a module without it',
      help: 'add it and use it in `configureOptimizers`, name another with `attrName`, or set `updateAttr: false`',
    });
  }
}

/** Sets the rate of the first group, and those of the others in proportion. */
function setRate({ paramGroups }: OptimizerLike, rate: number): void {
  const groups: readonly Group[] = paramGroups;
  const base = groups[0]?.initialLr ?? groups[0]?.lr ?? rate;
  for (const group of groups) {
    group.lr *= rate / base;
    if (group.initialLr !== undefined) group.initialLr *= rate / base;
  }
}

function contradiction(minLr: number, maxLr: number): ConfigError {
  return new ConfigError('LearningRateFinder: option `maxLr`', {
    code: 'invalid-option',
    expected: `a rate above \`minLr\`, ${minLr}`,
    got: String(maxLr),
  });
}
