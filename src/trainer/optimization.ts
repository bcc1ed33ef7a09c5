/** The optimizer of a run with its schedulers: set up from the module, stepped at their intervals, saved and restored. */

import { missingMonitor } from '../callbacks/monitor.ts';
import type { HostTensor, JsonObject, Metrics } from '../core/contracts.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { type ResolvedScheduler, resolveOptimizers } from '../module/optimizer-config.ts';
import { type Optimizer, type OptimizerState, ReduceLROnPlateau } from '../optim/index.ts';
import { refusePromise } from './outputs.ts';

type Slots<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;
type ParkedState = Omit<OptimizerState, 'tensors'> & { readonly tensors: Slots<HostTensor> };

export class Optimization {
  readonly module: LightningModule<never>;
  readonly optimizer: Optimizer;
  readonly schedulers: readonly ResolvedScheduler[];
  #parameters: tf.Variable[] = [];
  #parked: ParkedState | undefined;

  private constructor(module: LightningModule<never>, optimizer: Optimizer, schedulers: readonly ResolvedScheduler[]) {
    this.module = module;
    this.optimizer = optimizer;
    this.schedulers = schedulers;
  }

  /** Asks the module for its optimizer. */
  static async configure(module: LightningModule<never>): Promise<Optimization> {
    const returned = await module.configureOptimizers();
    const { optimizer, schedulers } = resolveOptimizers(module.constructor.name, returned, () => module.parameters());
    return new Optimization(module, optimizer, schedulers);
  }

  /** The variables that gradients are taken of, always in the same order. Groups may be added while training. */
  get parameters(): tf.Variable[] {
    const { paramGroups } = this.optimizer;
    const count = paramGroups.reduce((sum, group) => sum + group.params.length, 0);
    if (count !== this.#parameters.length) this.#parameters = paramGroups.flatMap((group) => [...group.params]);
    return this.#parameters;
  }

  /** After an optimizer step: schedulers of interval `'step'`. Their frequency counts optimizer steps. */
  afterOptimizerStep(optimizerStep: number): void {
    for (const each of this.schedulers) {
      if (each.interval === 'step' && !watches(each) && optimizerStep % each.frequency === 0)
        this.#step(each, undefined);
    }
  }

  /** After the last batch of an epoch, before it is validated: schedulers of interval `'epoch'`. */
  afterLastBatch(epoch: number): void {
    for (const each of this.schedulers) {
      if (each.interval === 'epoch' && !watches(each) && (epoch + 1) % each.frequency === 0)
        this.#step(each, undefined);
    }
  }

  /**
   * When metrics are in: schedulers that watch one. Only for them are metrics read. `mayMiss`: the one they watch may come
   * later, with validation.
   */
  afterMetrics(
    interval: 'epoch' | 'step',
    count: number,
    read: () => Metrics,
    { mayMiss = false }: { mayMiss?: boolean } = {},
  ): void {
    for (const each of this.schedulers) {
      if (each.interval !== interval || !watches(each) || count % each.frequency !== 0) continue;
      const monitor = each.monitor as string;
      const metrics = read();
      const metric = metrics[monitor];
      if (metric !== undefined) this.#step(each, metric);
      else if (each.strict && !mayMiss) throw missingMonitor('ReduceLROnPlateau', monitor, metrics);
    }
  }

  /** Learning rates by display name: `lr-Adam`, with several parameter groups `lr-Adam/pg1`. */
  get learningRates(): Record<string, number> {
    const name = this.schedulers[0]?.name ?? `lr-${this.optimizer.constructor.name}`;
    const groups = this.optimizer.paramGroups;
    if (groups.length === 1) return { [name]: this.optimizer.lr };
    return Object.fromEntries(groups.map((group, i) => [`${name}/pg${i + 1}`, group.lr]));
  }

  schedulerStates(): JsonObject[] {
    return this.schedulers.map(({ scheduler }) => scheduler.stateDict() as JsonObject);
  }

  loadSchedulerStates(states: readonly JsonObject[]): void {
    this.schedulers.forEach(({ scheduler }, i) => {
      const state = states[i];
      if (state !== undefined) scheduler.loadStateDict(state as never);
    });
  }

  /** Moves the optimizer's tensors out of the engine: between two fits they hold nothing there. */
  park(): void {
    const { tensors, ...rest } = this.optimizer.stateDict();
    const host = mapSlots(tensors, toHost);
    this.optimizer.dispose();
    this.#parked = { ...rest, tensors: host };
  }

  /** Moves them back, for the next fit of the same module. */
  unpark(): void {
    if (this.#parked === undefined) return;
    const { tensors, ...rest } = this.#parked;
    const slots = mapSlots(tensors, fromHost);
    this.optimizer.loadStateDict({ ...rest, tensors: slots });
    tf.dispose(slots as unknown as tf.TensorContainer);
    this.#parked = undefined;
  }

  #step({ scheduler }: ResolvedScheduler, metric: number | undefined): void {
    const owner = `${this.module.constructor.name}.lrSchedulerStep`;
    refusePromise(owner, this.module.lrSchedulerStep(scheduler, metric));
  }
}

function mapSlots<A, B>(slots: Slots<A>, convert: (value: A) => B): Slots<B> {
  const each = (own: Readonly<Record<string, A>>) =>
    Object.fromEntries(Object.entries(own).map(([slot, value]) => [slot, convert(value)]));
  return Object.fromEntries(Object.entries(slots).map(([name, own]) => [name, each(own)]));
}

const watches = ({ scheduler }: ResolvedScheduler): boolean => scheduler instanceof ReduceLROnPlateau;
