/** The callback that looks at a dry run: notes what comes by, stops it after the first optimizer step. */
import { LearningRateMonitor } from '../callbacks/learning-rate-monitor.ts';
import type {
  Callback,
  Gradients,
  ModuleView,
  OptimizerLike,
  SavedTensor,
  StepOutput,
  TrainerView,
} from '../core/contracts.ts';
import { limitedCount } from '../core/duration.ts';
import { ConfigError } from '../core/errors.ts';
import { toHost } from '../core/tensors.ts';
import type * as tf from '../core/tf.ts';
import { loadersIn, oneShotProblem, rememberPositions } from './check-problems.ts';
import { type CheckedLoader, type CheckReport, describeTensors } from './check-report.ts';
import type { ResolvedTrainerOptions } from './options.ts';
import type { Session } from './session.ts';
import { plannedValidations } from './validation-schedule.ts';

type Plan = Pick<CheckReport, 'steps' | 'epochs' | 'validations' | 'schedulers'>;

export class CheckProbe implements Callback {
  /** It sees what the module logs at the end of an epoch. */
  readonly role = 'monitor';
  readonly loaders = new Map<string, CheckedLoader>();
  readonly metrics: { train: string[]; validate: string[] } = { train: [], validate: [] };
  /** Names of tfjs variables that have got a gradient. */
  readonly withGradient = new Set<string>();
  readonly optimized = new Set<tf.Variable>();
  /** Metrics that schedulers watch. */
  monitors: { readonly owner: string; readonly monitor: string; readonly strict: boolean }[] = [];
  /** The weights before anything was trained, or loaded from a checkpoint. */
  weights: readonly (readonly [variable: tf.Variable, value: SavedTensor])[] | undefined;
  plan: Plan = { steps: 0, epochs: 0, validations: 0, schedulers: [] };
  stepped = false;
  /** Puts the loaders that the run has asked for back to where they were. */
  restoreLoaders: () => void = () => {};
  readonly #session: () => Session;
  readonly #options: ResolvedTrainerOptions;
  #batches = 0;

  /** @param options the flags of the trainer that asks, whose limits are not those of the dry run */
  constructor(options: ResolvedTrainerOptions, session: () => Session) {
    this.#options = options;
    this.#session = session;
  }

  onLoadCheckpoint(_trainer: TrainerView, module: ModuleView): void {
    this.#rememberWeights(module);
  }

  onFitStart(trainer: TrainerView, module: ModuleView): void {
    this.#rememberWeights(module);
    const { optimization, train, val } = this.#session();
    const loaders = [train, ...val].flatMap((source) => loadersIn(source?.loader));
    const oneShot = oneShotProblem(loaders);
    if (oneShot !== undefined) throw new ConfigError(oneShot.message, { code: oneShot.code });
    this.restoreLoaders = rememberPositions(loaders);
    for (const variable of optimization.parameters) this.optimized.add(variable);
    const batches = train?.count ?? 0;
    this.loaders.set('train', { name: 'train', batches, batch: {}, output: {} });
    const { limitValBatches } = this.#options;
    for (const { name, loader } of val) {
      const count = limitedCount('limitValBatches', limitValBatches, loader.length ?? Number.POSITIVE_INFINITY);
      this.loaders.set(name, { name, batches: count, batch: {}, output: {} });
    }
    this.#makePlan(trainer, batches);
    this.monitors = optimization.schedulers.flatMap(({ scheduler, monitor, strict }) =>
      monitor === undefined ? [] : [{ owner: scheduler.constructor.name, monitor, strict }],
    );
    const rates = this.#options.callbacks;
    const hasRates = (Array.isArray(rates) ? rates : [rates]).some((each) => each instanceof LearningRateMonitor);
    if (hasRates) this.metrics.train.push(...Object.keys(trainer.learningRates));
  }

  onBeforeOptimizerStep(_t: TrainerView, _m: ModuleView, _optimizer: OptimizerLike, gradients: Gradients): void {
    for (const name in gradients) this.withGradient.add(name);
  }

  onTrainBatchEnd(trainer: TrainerView, _module: ModuleView, output: StepOutput, batch: unknown): void {
    this.#note('train', batch, output);
    this.#batches++;
    this.stepped = trainer.globalStep > 0;
    if (this.stepped || this.#batches >= trainer.accumulateGradBatches) trainer.shouldStop = true;
  }

  onValidationBatchEnd(
    _trainer: TrainerView,
    _module: ModuleView,
    output: unknown,
    batch: unknown,
    _batchIdx: number,
    dataloaderIdx: number,
  ): void {
    const source = this.#session().val[dataloaderIdx];
    if (source !== undefined) this.#note(source.name, batch, output);
  }

  onValidationEpochEnd(): void {
    this.metrics.validate = Object.keys(this.#session().desk.books.validate.callbackMetrics());
  }

  onTrainEpochEnd(): void {
    this.metrics.train.push(...Object.keys(this.#session().desk.books.train.callbackMetrics()));
  }

  #rememberWeights(module: ModuleView): void {
    this.weights ??= [...module.namedVariables().values()].map((variable) => [variable, toHost(variable)]);
  }

  #note(name: string, batch: unknown, output: unknown): void {
    const loader = this.loaders.get(name);
    if (loader === undefined || Object.keys(loader.batch).length > 0) return;
    this.loaders.set(name, { ...loader, batch: describeTensors(batch), output: describeTensors(output) });
  }

  /** What the whole fit will come to. */
  #makePlan(trainer: TrainerView, batches: number): void {
    const { module, val, optimization } = this.#session();
    const steps = trainer.estimatedSteppingBatches;
    const { maxEpochs } = this.#options;
    const perEpoch = Math.ceil(batches / trainer.accumulateGradBatches);
    const epochs = Math.min(maxEpochs === -1 ? Number.POSITIVE_INFINITY : maxEpochs, Math.ceil(steps / perEpoch));
    const validates = val.length > 0 && module.validationStep !== undefined;
    const seen = Math.min(epochs * batches, steps * trainer.accumulateGradBatches);
    const validations = validates ? plannedValidations(this.#options, batches, seen) : 0;
    const intervals = { step: steps, batch: seen, epoch: Math.floor(seen / batches), validation: validations };
    this.plan = {
      steps,
      epochs,
      validations,
      schedulers: optimization.schedulers.map(({ scheduler, interval, frequency, name }) => ({
        name: name ?? scheduler.constructor.name,
        interval,
        steps: Math.floor(intervals[interval] / frequency),
      })),
    };
  }
}
