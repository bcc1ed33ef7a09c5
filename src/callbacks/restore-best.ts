/** Ends training with the best weights that it came by. */
import { z } from 'zod';
import type { Callback, Checkpoint, JsonObject, ModuleView, TrainerView } from '../core/contracts.ts';
import { flag, oneOf, parseOptions, text } from '../core/options.ts';
import { missingMonitor } from './monitor.ts';
import {
  disposeWeights,
  fromHostWeights,
  type HostWeights,
  isWhole,
  putWeights,
  readWeights,
  takeWeights,
  toHostWeights,
  type Weights,
  writeWeights,
} from './weights.ts';

/** Options of {@link RestoreBest}. */
export interface RestoreBestOptions<W extends string = string> {
  /** The metric to judge by. */
  monitor: W;
  /** Whether a smaller (`'min'`, default) or larger metric is better. */
  mode?: 'min' | 'max' | undefined;
  /** Whether a missing metric is an error (default) or passed over. */
  strict?: boolean | undefined;
}

const schema = z.strictObject({
  monitor: text('the name of a metric'),
  mode: oneOf('min', 'max').default('min'),
  strict: flag().default(true),
});

/**
 * Remembers the weights with the best `monitor` and gives them to the module when the fit is over, whether or not
 * anything stopped it early. Of equals the earliest counts, NaN never. The weights are those that were validated, also
 * when they are an average ({@link EMAWeightAveraging}). They take memory once more, and lie in checkpoints, so that a
 * resumed run still knows them. After Ctrl-C the module keeps its last weights, to be resumed from.
 *
 * @throws ConfigError `missing-monitor` when the metric is not logged, unless `strict` is off
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: [new EarlyStopping({ monitor: 'val_loss' }), new RestoreBest({ monitor: 'val_loss' })] })
 * ```
 */
export class RestoreBest<W extends string = string> implements Callback {
  readonly role = 'monitor';
  readonly stateKey: string;
  readonly #options: z.output<typeof schema>;
  #bestScore: number | undefined;
  #bestEpoch: number | undefined;
  #best: Weights | undefined;
  /** The weights that were validated last. */
  #candidate: Weights | undefined;
  #loaded: HostWeights | undefined;
  #interrupted = false;

  constructor(options: RestoreBestOptions<W>) {
    this.#options = parseOptions('RestoreBest', schema, options);
    this.stateKey = `RestoreBest(${this.#options.monitor},${this.#options.mode})`;
  }

  /** The metric that it watches. */
  get monitor(): W {
    return this.#options.monitor as W;
  }

  /** The best value of the metric. */
  get bestScore(): number | undefined {
    return this.#bestScore;
  }

  /** The epoch, counted from 0, that it comes from. */
  get bestEpoch(): number | undefined {
    return this.#bestEpoch;
  }

  onLoadCheckpoint(trainer: TrainerView, _module: ModuleView, checkpoint: Checkpoint): void {
    if (trainer.stage === 'fit') this.#loaded = readWeights(checkpoint, this.stateKey);
  }

  onFitStart(): void {
    this.#bestScore = undefined;
    this.#bestEpoch = undefined;
    this.#interrupted = false;
    this.#best = this.#loaded && fromHostWeights(this.#loaded);
    this.#loaded = undefined;
  }

  onValidationEpochEnd(trainer: TrainerView, module: ModuleView): void {
    if (trainer.stage === 'fit' && !trainer.sanityChecking) this.#setCandidate(takeWeights(module.namedVariables()));
  }

  onValidationEnd(trainer: TrainerView): void {
    if (trainer.stage === 'fit' && !trainer.sanityChecking && !trainer.validatesAtEpochEnd) this.#judge(trainer);
  }

  onTrainEpochEnd(trainer: TrainerView, module: ModuleView): void {
    const validates = trainer.numValBatches.some((count) => count > 0);
    if (validates && !trainer.validatesAtEpochEnd) return;
    if (this.#candidate === undefined && validates) return; // an epoch that was broken off
    if (this.#candidate === undefined) this.#setCandidate(takeWeights(module.namedVariables()));
    this.#judge(trainer);
  }

  onInterrupt(): void {
    this.#interrupted = true;
  }

  onFitEnd(_trainer: TrainerView, module: ModuleView): void {
    if (this.#best !== undefined && !this.#interrupted) putWeights(module.namedVariables(), this.#best);
    this.#drop();
  }

  onException(): void {
    this.#drop();
  }

  onSaveCheckpoint(_trainer: TrainerView, _module: ModuleView, checkpoint: Checkpoint): void {
    if (this.#best !== undefined && isWhole(checkpoint))
      writeWeights(checkpoint, this.stateKey, toHostWeights(this.#best));
  }

  stateDict(): JsonObject {
    return { bestScore: this.#bestScore ?? null, bestEpoch: this.#bestEpoch ?? null };
  }

  loadStateDict(state: JsonObject): void {
    this.#bestScore = (state.bestScore as number | null) ?? undefined;
    this.#bestEpoch = (state.bestEpoch as number | null) ?? undefined;
  }

  #judge(trainer: TrainerView): void {
    const { monitor, strict } = this.#options;
    const metrics = trainer.callbackMetrics;
    const score = metrics[monitor];
    if (score === undefined && strict) throw missingMonitor('RestoreBest', monitor, metrics);
    if (score !== undefined && this.#isBest(score)) {
      disposeWeights(this.#best);
      this.#best = this.#candidate;
      this.#bestScore = score;
      this.#bestEpoch = trainer.currentEpoch;
    } else disposeWeights(this.#candidate);
    this.#candidate = undefined;
  }

  #isBest(score: number): boolean {
    if (Number.isNaN(score)) return false;
    if (this.#bestScore === undefined) return true;
    return this.#options.mode === 'min' ? score < this.#bestScore : score > this.#bestScore;
  }

  #setCandidate(weights: Weights): void {
    disposeWeights(this.#candidate);
    this.#candidate = weights;
  }

  #drop(): void {
    disposeWeights(this.#best);
    this.#best = undefined;
    disposeWeights(this.#candidate);
    this.#candidate = undefined;
  }
}
