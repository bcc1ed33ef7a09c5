/** Averages the weights of the last epochs while the learning rate is held at a constant, and ends with the average. */
import { z } from 'zod';
import type { Callback, Checkpoint, JsonObject, ModuleView, TrainerView } from '../core/contracts.ts';
import { type Amount, parseAmount } from '../core/duration.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, countIn, oneOf, parseOptions } from '../core/options.ts';
import { AveragedWeights } from './averaged-weights.ts';
import { recomputeBatchNorm } from './batch-norm-statistics.ts';

/** Options of {@link StochasticWeightAveraging}. */
export interface StochasticWeightAveragingOptions {
  /** The learning rate that is annealed to and then held: one, or one per parameter group. */
  swaLrs: number | readonly number[];
  /** The epoch with which to begin, counted from 1, or a part of `maxEpochs`: `15`, `'15ep'`, `'80%'`, `'0.8dur'`. Default `'80%'`. */
  swaEpochStart?: Start | undefined;
  /** Epochs in which the rate is led to `swaLrs`; 0 jumps there. Default 10. */
  annealingEpochs?: number | `${number}ep` | undefined;
  /** How it is led there: along a cosine (`'cos'`, default) or a line. */
  annealingStrategy?: 'cos' | 'linear' | undefined;
}

type Start = number | `${number}%` | `${number}dur` | `${number}ep`;

const schema = z.strictObject({
  swaLrs: anyThat<number | readonly number[]>('a number above 0, or one per parameter group', areRates),
  swaEpochStart: anyThat<Start>(
    "an epoch from 1, such as 15 or '15ep', or a part of the training, such as '80%' or '0.8dur'",
    isStart,
  ).default('80%'),
  annealingEpochs: countIn('ep', 0).default(10),
  annealingStrategy: oneOf('cos', 'linear').default('cos'),
});

/**
 * Stochastic weight averaging (Izmailov et al. 2018). From the given epoch on, the weights at the start of each epoch go
 * into a plain mean, and the learning rate goes to `swaLrs`, whatever the module's schedulers say. When training is over
 * the module gets the mean, and its batch norm statistics are recomputed in a pass over the training data.
 *
 * Checkpoints hold the weights that are trained with the mean beside them; the one written at the very end
 * (`saveLast: true`) holds the mean as the model's weights. After Ctrl-C the module keeps the weights that were trained.
 *
 * @throws ConfigError for wrong options, and at the start of training when a percentage is taken of unlimited epochs or
 * the rates do not match the parameter groups
 *
 * @example
 * ```ts
 * new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: '75%', annealingEpochs: 5 })
 * ```
 */
export class StochasticWeightAveraging implements Callback {
  readonly #options: z.output<typeof schema>;
  readonly #weights = new AveragedWeights('StochasticWeightAveraging');
  #averages = 0;
  /** The rates that annealing began with; `undefined` before. */
  #startLrs: number[] | undefined;
  #finished = false;
  #interrupted = false;

  constructor(options: StochasticWeightAveragingOptions) {
    this.#options = parseOptions('StochasticWeightAveraging', schema, options);
  }

  /** How many sets of weights are in the mean. */
  get averages(): number {
    return this.#averages;
  }

  onLoadCheckpoint(trainer: TrainerView, _module: ModuleView, checkpoint: Checkpoint): void {
    if (trainer.stage === 'fit') this.#weights.load(checkpoint);
  }

  onFitStart(trainer: TrainerView, module: ModuleView): void {
    this.#first(trainer);
    this.#checkRates(trainer);
    this.#finished = false;
    this.#interrupted = false;
    if (this.#weights.attach(module)) return;
    this.#averages = 0;
    this.#startLrs = undefined;
  }

  onTrainEpochStart(trainer: TrainerView): void {
    if (trainer.currentEpoch < this.#first(trainer)) return;
    this.#startLrs ??= groupsOf(trainer).map(({ lr }) => lr);
    this.#weights.add(this.#averages / (this.#averages + 1));
    this.#averages++;
    this.#setRates(trainer);
  }

  onTrainBatchStart(trainer: TrainerView): void {
    if (this.#startLrs !== undefined) this.#setRates(trainer); // schedulers may have set others
  }

  onInterrupt(): void {
    this.#interrupted = true;
  }

  async onTrainEnd(trainer: TrainerView, module: ModuleView): Promise<void> {
    if (this.#interrupted || !this.#weights.exists) return;
    this.#weights.swapIn();
    this.#finished = true;
    await recomputeBatchNorm(trainer, module);
    this.#weights.adopt();
  }

  onFitEnd(): void {
    this.#weights.park();
  }

  onException(): void {
    this.#weights.swapOut();
    this.#weights.park();
  }

  onSaveCheckpoint(_trainer: TrainerView, _module: ModuleView, checkpoint: Checkpoint): void {
    this.#weights.save(checkpoint, { asModel: this.#finished });
  }

  stateDict(): JsonObject {
    return { averages: this.#averages, startLrs: this.#startLrs ?? null };
  }

  loadStateDict(state: JsonObject): void {
    this.#averages = state.averages as number;
    this.#startLrs = (state.startLrs as number[] | null) ?? undefined;
  }

  /** The epoch, counted from 0, at whose start the first weights are taken. */
  #first({ maxEpochs }: TrainerView): number {
    const { swaEpochStart } = this.#options;
    const { amount, unit } =
      typeof swaEpochStart === 'number'
        ? { amount: swaEpochStart, unit: 'ep' }
        : (parseAmount(swaEpochStart) as Amount);
    if (unit === 'ep') return amount - 1;
    if (maxEpochs === -1) throw unlimited(String(swaEpochStart));
    return Math.max(0, Math.floor(maxEpochs * (unit === '%' ? amount / 100 : amount) + 1e-9) - 1);
  }

  #setRates(trainer: TrainerView): void {
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#options;
    const epochs = trainer.currentEpoch - this.#first(trainer);
    const part = annealingEpochs === 0 ? 1 : Math.min(1, epochs / annealingEpochs);
    const way = annealingStrategy === 'cos' ? (1 - Math.cos(Math.PI * part)) / 2 : part;
    groupsOf(trainer).forEach((group, i) => {
      const target = typeof swaLrs === 'number' ? swaLrs : (swaLrs[i] as number);
      const start = this.#startLrs?.[i] ?? group.lr;
      group.lr = part === 1 ? target : start + (target - start) * way;
    });
  }

  #checkRates(trainer: TrainerView): void {
    const { swaLrs } = this.#options;
    const groups = groupsOf(trainer).length;
    if (typeof swaLrs === 'number' || swaLrs.length === groups) return;
    throw new ConfigError('StochasticWeightAveraging: option `swaLrs`', {
      code: 'invalid-option',
      expected: `one rate, or one for each of ${groups} parameter groups`,
      got: String(swaLrs.length),
    });
  }
}

const groupsOf = ({ optimizers }: TrainerView) => optimizers.flatMap(({ paramGroups }) => [...paramGroups]);

function areRates(value: unknown): boolean {
  const rates: unknown[] = Array.isArray(value) ? value : [value];
  return rates.length > 0 && rates.every((rate) => typeof rate === 'number' && rate > 0 && Number.isFinite(rate));
}

function isStart(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 1;
  const given = parseAmount(value);
  return given?.unit === 'ep' ? given.amount >= 1 : given?.unit === '%' || given?.unit === 'dur';
}

function unlimited(got: string): ConfigError {
  return new ConfigError('StochasticWeightAveraging: option `swaEpochStart`', {
    code: 'fraction-of-unlimited-epochs',
    expected: 'a number of epochs, since `maxEpochs` is not limited',
    got: `'${got}'`,
  });
}
