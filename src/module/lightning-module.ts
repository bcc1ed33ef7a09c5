/**
 * The class that users extend: what a model computes in a step, how it is optimized, and which hooks it wants.
 * The trainer does the rest.
 */
import type { Gradients, LogOptions, LogValue, TrainerView, XAxis } from '../core/contracts.ts';
import type * as tf from '../core/tf.ts';
import { clipGradNorm, clipGradValue, type LRScheduler, type Optimizer, ReduceLROnPlateau } from '../optim/index.ts';
import { notAttached, withoutForward } from './module-errors.ts';
import type { ModuleHookMethods } from './module-hooks.ts';
import type { GradientClipping, ManualOptimizer, ModuleHost, ModuleSteps, StepResult } from './module-host.ts';
import { ModuleParts, nestedModules } from './module-parts.ts';
import type { ConfiguredOptimizers } from './optimizer-config.ts';

/** Connects a module and the modules in it to the trainer that runs it, or disconnects them. For the trainer alone. */
export let attachHost: (module: LightningModule<never>, host: ModuleHost | undefined) => void;
/** Whether a trainer runs a module now. For the trainer alone. */
export let isAttached: (module: LightningModule<never>) => boolean;

// biome-ignore lint/correctness/noUnusedVariables: merged with the class, whose type parameters it must have
export interface LightningModule<B = unknown, M extends string = string> extends ModuleHookMethods<B>, ModuleSteps<B> {}

/**
 * The base of every trainable module. Generic in its batch `B` and, if it likes, in the names of its metrics `M`: then
 * `log` and the callbacks that watch a metric are checked by the compiler.
 *
 * Layers, models and variables in public fields are its parameters. Steps are synchronous and run inside one tidy: they
 * need not dispose of anything.
 *
 * @example
 * ```ts
 * class Net extends LightningModule<{ x: tf.Tensor2D; y: tf.Tensor1D }> {
 *   net = mlp({ inputs: 784, hidden: [64], classes: 10 });
 *   trainingStep({ x, y }: { x: tf.Tensor2D; y: tf.Tensor1D }) {
 *     const loss = losses.crossEntropy(this.net.apply(x, { training: this.training }) as tf.Tensor2D, y);
 *     this.log('train_loss', loss);
 *     return loss;
 *   }
 *   override configureOptimizers() { return new Adam(this.parameters(), { lr: 1e-3 }); }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: see above
export abstract class LightningModule<B = unknown, M extends string = string> extends ModuleParts {
  /** The declared metrics, for the compiler alone: a method, so that a subclass may declare more of them. */
  declare readonly '~metrics'?: { of(name: M): void }['of'];
  /**
   * Set it to `false` to optimize by hand: `trainingStep` then calls {@link optimizers}, {@link manualBackward} and
   * `optimizer.step(gradients)`, and steps the schedulers itself. The trainer neither accumulates nor clips.
   */
  automaticOptimization = true;
  /**
   * Whether a checkpoint that is loaded must have all weights of the module and no others. `false`: those that both have
   * are set and a warning names the rest, for modules that leave a frozen part out of their checkpoints.
   */
  strictLoading = true;
  /** The x axis of metrics that are logged without one: `'step'`, `'epoch'`, `'sample'` or `'time'`. */
  defaultXAxis: XAxis = 'step';
  #host: ModuleHost | undefined;

  static {
    attachHost = (module, host) => {
      module.#host = host;
      for (const nested of nestedModules(module)) if (nested instanceof LightningModule) attachHost(nested, host);
    };
    isAttached = (module) => module.#host !== undefined;
  }

  /** One training batch: returns the loss, a scalar that depends on the parameters. */
  abstract trainingStep(batch: B, batchIdx: number): StepResult;

  /** The optimizer and its scheduler, or an array of several. Without one, `fit` throws a ConfigError. */
  configureOptimizers(): ConfiguredOptimizers | Promise<ConfiguredOptimizers> {
    return undefined;
  }

  /**
   * One prediction batch. By default `this.forward(batch)`.
   *
   * @throws ConfigError `no-forward` when the module has no `forward`
   */
  predictStep(batch: B, _batchIdx: number, _dataloaderIdx: number): unknown {
    if (this.forward === undefined) throw withoutForward(this.constructor.name);
    return this.forward(batch as never);
  }

  /**
   * Clips the gradients before an optimizer step. Returns new gradients; runs inside a tidy.
   * Override it to clip in another way.
   */
  configureGradientClipping(
    _optimizer: Optimizer,
    gradients: Gradients,
    { value, algorithm }: GradientClipping,
  ): Gradients {
    if (value === undefined) return gradients;
    return algorithm === 'norm' ? clipGradNorm(gradients, value).gradients : clipGradValue(gradients, value);
  }

  /** Takes the optimizer step: `apply()` updates the parameters. Override it to warm up, skip or do more. Synchronous. */
  optimizerStep(_epoch: number, _batchIdx: number, _optimizer: Optimizer, apply: () => void): void {
    apply();
  }

  /** Steps a learning-rate scheduler. `metric` is given to those that watch one. */
  lrSchedulerStep(scheduler: LRScheduler | ReduceLROnPlateau, metric: number | undefined): void {
    if (scheduler instanceof ReduceLROnPlateau) scheduler.step(metric as number);
    else scheduler.step();
  }

  /**
   * The optimizers, in the order of `configureOptimizers`, for a module that steps them itself.
   *
   * @throws ConfigError `not-manual` unless `automaticOptimization` is false and the module is being trained
   */
  optimizers(): readonly ManualOptimizer[] {
    return manual(this.constructor.name, this.#host).optimizers;
  }

  /** The learning-rate schedulers, in the order of the optimizers, for a module that steps them itself. */
  lrSchedulers(): readonly (LRScheduler | ReduceLROnPlateau)[] {
    return manual(this.constructor.name, this.#host).schedulers;
  }

  /**
   * Differentiates a loss, in a training step with `automaticOptimization = false`. Log the loss within the function.
   *
   * @param optimizer gradients are taken of its parameters alone; all others are as if frozen. Default: of all parameters
   * @returns gradients by variable name, disposed of when the step returns
   * @throws ConfigError `not-manual`; NonFiniteError for a loss that is NaN or infinite
   *
   * @example
   * ```ts
   * const [generator] = this.optimizers();
   * generator.step(this.manualBackward(() => this.generatorLoss(batch), generator));
   * ```
   */
  manualBackward(loss: () => tf.Tensor, optimizer?: ManualOptimizer): Gradients {
    return manual(this.constructor.name, this.#host).backward(loss, optimizer);
  }

  /**
   * The trainer that runs this module.
   *
   * @throws ConfigError `not-attached` when none does
   */
  get trainer(): TrainerView {
    if (this.#host === undefined) throw notAttached(this.constructor.name);
    return this.#host.trainer;
  }

  /** Zero-based number of the running epoch; 0 without a trainer. */
  get currentEpoch(): number {
    return this.#host?.trainer.currentEpoch ?? 0;
  }

  /** Optimizer steps taken so far; 0 without a trainer. */
  get globalStep(): number {
    return this.#host?.trainer.globalStep ?? 0;
  }

  /**
   * Logs a metric. What becomes of it depends on the hook: in training steps the value of the step, elsewhere the mean
   * of the epoch, weighted by batch size; `options` change that. A tensor is not read here. Without a trainer it does
   * nothing.
   *
   * @throws ConfigError when the value is no scalar, when nothing can be logged in this hook, or when the same name is
   * logged with other options than before
   */
  log(name: M, value: LogValue, options: LogOptions = {}): void {
    this.#host?.log(name, value, options);
  }

  /** Logs several metrics with the same options. */
  logDict(values: Readonly<Partial<Record<M, LogValue>>>, options: LogOptions = {}): void {
    for (const [name, value] of Object.entries(values)) this.log(name as M, value as LogValue, options);
  }
}

function manual(moduleName: string, host: ModuleHost | undefined): ReturnType<ModuleHost['manual']> {
  if (host === undefined) throw notAttached(moduleName);
  return host.manual();
}
