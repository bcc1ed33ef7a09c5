/** HistogramMonitor: the distributions of weights and gradients, in TensorBoard's Histograms and Distributions tabs. */
import { z } from 'zod';
import type { Callback, Gradients, ModuleView, OptimizerLike, TrainerView } from '../core/contracts.ts';
import { countIn, flag, parseOptions, wholeNumber } from '../core/options.ts';
import type * as tf from '../core/tf.ts';
import { requireTensorBoard, writeToTensorBoard } from './tensorboard-writers.ts';

/** Options of {@link HistogramMonitor}. */
export interface HistogramMonitorOptions {
  /** Optimizer steps from one to the next. Default 100. */
  everyNSteps?: number | `${number}st` | undefined;
  /** The values of the variables after the step. Default `true`. */
  weights?: boolean | undefined;
  /** The gradients before clipping. Default `false`: reading them back takes time, and a compiled step cannot be used. */
  gradients?: boolean | undefined;
  /** Bins of each histogram. Default 30. */
  bins?: number | undefined;
}

const schema = z.strictObject({
  everyNSteps: countIn('st', 1).default(100),
  weights: flag().default(true),
  gradients: flag().default(false),
  bins: wholeNumber(1).default(30),
});

/**
 * Logs histograms of each variable as `weights/<name>` and of each gradient as `gradients/<name>`, every so many
 * optimizer steps. Values are read back for it, so a step in which it logs waits for the device.
 *
 * @throws ConfigError `no-logger` when the trainer has no TensorBoardLogger
 *
 * @example
 * ```ts
 * new Trainer({ logger: new TensorBoardLogger('runs'), callbacks: new HistogramMonitor({ gradients: true }) });
 * ```
 */
export class HistogramMonitor implements Callback {
  /** There only when gradients are asked for: a hook that somebody listens to has its price. */
  onBeforeOptimizerStep?: (
    trainer: TrainerView,
    module: ModuleView,
    optimizer: OptimizerLike,
    gradients: Gradients,
  ) => Promise<void>;
  readonly #options: z.output<typeof schema>;
  #lastStep = 0;

  constructor(options: HistogramMonitorOptions = {}) {
    this.#options = parseOptions('HistogramMonitor', schema, options);
    if (!this.#options.gradients) return;
    this.onBeforeOptimizerStep = async (trainer, _module, _optimizer, gradients) => {
      if (!this.#due(trainer.globalStep + 1)) return;
      await this.#write(trainer, 'gradients', Object.entries(gradients), trainer.globalStep);
    };
  }

  onTrainStart(trainer: TrainerView): void {
    requireTensorBoard('HistogramMonitor', trainer);
    this.#lastStep = trainer.globalStep;
  }

  async onTrainBatchEnd(trainer: TrainerView, module: ModuleView): Promise<void> {
    const { globalStep } = trainer;
    if (!this.#options.weights || globalStep === this.#lastStep || !this.#due(globalStep)) return;
    this.#lastStep = globalStep;
    await this.#write(trainer, 'weights', [...module.namedVariables()], globalStep - 1);
  }

  #due(step: number): boolean {
    return step % this.#options.everyNSteps === 0;
  }

  async #write(
    trainer: TrainerView,
    group: string,
    tensors: readonly (readonly [string, tf.Tensor])[],
    x: number,
  ): Promise<void> {
    const values = await Promise.all(tensors.map(async ([name, tensor]) => [name, await tensor.data()] as const));
    const { bins } = this.#options;
    writeToTensorBoard(trainer, (writer) => {
      for (const [name, data] of values) writer.addHistogram(`${group}/${name}`, data, x, { bins });
    });
  }
}
