/** Keeps an exponential moving average of the weights and evaluates on it. */
import { z } from 'zod';
import type { Callback, Checkpoint, JsonObject, ModuleView, TrainerView } from '../core/contracts.ts';
import { parseAmount } from '../core/duration.ts';
import { anyThat, countIn, numberBetween, parseOptions } from '../core/options.ts';
import { STEP_WORK, type StepWork } from '../core/step-work.ts';
import { partOfUnlimited } from '../core/training-time.ts';
import { AveragedWeights } from './averaged-weights.ts';

/** An optimizer step, or a part of all of them. */
type StepStart = number | `${number}${'st' | 'dur'}`;

/** Options of {@link EMAWeightAveraging}. */
export interface EMAWeightAveragingOptions {
  /** What an update leaves of the average, from 0 to 1. Default 0.999. */
  decay?: number | undefined;
  /** Update after every n-th optimizer step. Default 1. */
  updateEveryNSteps?: number | `${number}st` | undefined;
  /** Not before so many optimizer steps have been taken: `100`, `'100st'`, or a part of all, `'0.5dur'`. Default 0. */
  updateStartingAtStep?: StepStart | undefined;
  /** Not before this epoch, counted from 0. Default 0. */
  updateStartingAtEpoch?: number | `${number}ep` | undefined;
}

const schema = z.strictObject({
  decay: numberBetween(0, 1).default(0.999),
  updateEveryNSteps: countIn('st', 1).default(1),
  updateStartingAtStep: anyThat<StepStart>(
    "a step from 0, such as 100 or '100st', or a part of all, '0.5dur'",
    isStart,
  ).default(0),
  updateStartingAtEpoch: countIn('ep', 0).default(0),
});

/**
 * Averages the weights over training (Polyak and Juditsky 1992): after an optimizer step the average becomes
 * `decay * average + (1 - decay) * weights`; the first update copies. Batch norm statistics are averaged as well.
 *
 * Validation runs on the average. A checkpoint holds the average as the model's weights, and beside it the weights that
 * are trained, so that a resumed run goes on exactly. After the fit the module has the average; a second fit goes on with
 * the weights that were trained, unless somebody has set others. The average takes as much memory as the weights.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new EMAWeightAveraging({ decay: 0.99, updateStartingAtStep: 100 }) })
 * ```
 */
export class EMAWeightAveraging implements Callback {
  readonly #options: z.output<typeof schema>;
  readonly #weights = new AveragedWeights('EMAWeightAveraging');
  #updates = 0;
  #lastStep = 0;
  /** The step that `updateStartingAtStep` means in this fit. */
  #firstStep = 0;

  constructor(options: EMAWeightAveragingOptions = {}) {
    this.#options = parseOptions('EMAWeightAveraging', schema, options);
  }

  /** The update as a part of a compiled step, where it follows every step and nobody has replaced the hook that does it. */
  get [STEP_WORK](): StepWork | undefined {
    const { updateEveryNSteps, decay } = this.#options;
    const isOwn = this.onTrainBatchEnd === EMAWeightAveraging.prototype.onTrainBatchEnd;
    if (updateEveryNSteps !== 1 || !isOwn) return undefined;
    const weights = this.#weights;
    return {
      isDue: (step, epoch) => weights.exists && this.#isDue(step, epoch),
      run: (step) => {
        weights.add(decay);
        this.#count(step);
      },
      count: (step) => {
        weights.addOthers();
        this.#count(step);
      },
      kept: () => weights.kept(),
      remember: () => {
        const [putBack, updates, lastStep] = [weights.remember(), this.#updates, this.#lastStep];
        return () => {
          putBack();
          this.#updates = updates;
          this.#lastStep = lastStep;
        };
      },
    };
  }

  /** How often the average has been updated. */
  get updates(): number {
    return this.#updates;
  }

  onLoadCheckpoint(trainer: TrainerView, _module: ModuleView, checkpoint: Checkpoint): void {
    if (trainer.stage === 'fit') this.#weights.load(checkpoint);
  }

  onFitStart(_trainer: TrainerView, module: ModuleView): void {
    if (!this.#weights.attach(module)) this.#updates = 0;
  }

  onTrainStart(trainer: TrainerView): void {
    this.#lastStep = trainer.globalStep;
    this.#firstStep = firstStep(this.#options.updateStartingAtStep, trainer);
  }

  onTrainBatchEnd(trainer: TrainerView): void {
    const step = trainer.globalStep;
    if (step === this.#lastStep) return;
    if (!this.#isDue(step, trainer.currentEpoch)) {
      this.#lastStep = step;
      return;
    }
    this.#weights.add(this.#options.decay);
    this.#count(step);
  }

  onValidationStart(): void {
    this.#weights.swapIn();
  }

  onValidationEnd(): void {
    this.#weights.swapOut();
  }

  onInterrupt(): void {
    this.#weights.swapOut(); // within validation there is no end of it
  }

  onTrainEnd(): void {
    this.#weights.swapIn();
  }

  onFitEnd(): void {
    this.#weights.park();
  }

  onException(): void {
    this.#weights.swapOut();
    this.#weights.park();
  }

  onSaveCheckpoint(_trainer: TrainerView, _module: ModuleView, checkpoint: Checkpoint): void {
    this.#weights.save(checkpoint, { asModel: true });
  }

  stateDict(): JsonObject {
    return { updates: this.#updates };
  }

  loadStateDict(state: JsonObject): void {
    this.#updates = state.updates as number;
  }

  #isDue(step: number, epoch: number): boolean {
    const { updateEveryNSteps, updateStartingAtEpoch } = this.#options;
    return step > this.#firstStep && epoch >= updateStartingAtEpoch && (step - 1) % updateEveryNSteps === 0;
  }

  #count(step: number): void {
    this.#lastStep = step;
    this.#updates++;
  }
}

function isStart(value: unknown): boolean {
  const amount = typeof value === 'number' ? { amount: value, unit: 'st' } : parseAmount(value);
  if (amount?.unit === 'dur') return true;
  return amount?.unit === 'st' && Number.isInteger(amount.amount) && amount.amount >= 0;
}

function firstStep(start: StepStart, { estimatedSteppingBatches: steps }: TrainerView): number {
  const { amount, unit } = parseAmount(start) ?? { amount: start as number, unit: 'st' };
  if (unit === 'st') return amount;
  if (Number.isFinite(steps)) return Math.floor(steps * amount + 1e-9);
  throw partOfUnlimited('EMAWeightAveraging: option `updateStartingAtStep`', String(start));
}
