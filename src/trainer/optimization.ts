/** The optimizer of a run with its schedulers: set up from the module, stepped at their intervals, saved and restored. */

import { missingMonitor } from '../callbacks/monitor.ts';
import type { JsonObject, Metrics, SavedTensor } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import {
  type ResolvedOptimizer,
  type ResolvedScheduler,
  resolveOptimizers,
  type ScheduleInterval,
} from '../module/optimizer-config.ts';
import { type Optimizer, type OptimizerState, ReduceLROnPlateau } from '../optim/index.ts';
import { refusePromise } from './outputs.ts';

type Slots<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;
type ParkedState = Omit<OptimizerState, 'tensors'> & { readonly tensors: Slots<SavedTensor> };

export class Optimization {
  readonly module: LightningModule<never>;
  readonly all: readonly ResolvedOptimizer[];
  /** The first, and mostly the only optimizer. */
  readonly optimizer: Optimizer;
  readonly schedulers: readonly ResolvedScheduler[];
  /** The schedulers that the trainer steps: none with manual optimization. */
  readonly #stepped: readonly ResolvedScheduler[];
  #parameters: tf.Variable[] = [];
  #parameterCount = 0;
  #parked: readonly ParkedState[] | undefined;

  private constructor(module: LightningModule<never>, all: readonly ResolvedOptimizer[]) {
    this.module = module;
    this.all = all;
    this.optimizer = (all[0] as ResolvedOptimizer).optimizer;
    this.schedulers = all.flatMap(({ schedulers }) => schedulers);
    this.#stepped = module.automaticOptimization ? this.schedulers : [];
  }

  /**
   * Asks the module for its optimizers.
   *
   * @throws ConfigError of `resolveOptimizers`; `shared-parameters` when two of them would step the same variable
   */
  static async configure(module: LightningModule<never>): Promise<Optimization> {
    const returned = await module.configureOptimizers();
    const all = resolveOptimizers(module.constructor.name, returned, () => module.parameters());
    if (module.automaticOptimization) refuseSharedParameters(module.constructor.name, all);
    return new Optimization(module, all);
  }

  /** The variables that gradients are taken of, always in the same order. Groups may be added while training. */
  get parameters(): tf.Variable[] {
    let count = 0;
    for (const { optimizer } of this.all) for (const { params } of optimizer.paramGroups) count += params.length;
    if (count !== this.#parameterCount) {
      this.#parameterCount = count;
      this.#parameters = [...new Set(this.all.flatMap(({ optimizer }) => parametersOf(optimizer)))];
    }
    return this.#parameters;
  }

  /** The `count`-th interval of a kind is over: steps the schedulers that go by it and wait for no metric. */
  after(interval: ScheduleInterval, count: number): void {
    for (const each of this.#stepped) {
      if (each.interval === interval && !watches(each) && count % each.frequency === 0) this.#step(each, undefined);
    }
  }

  /**
   * When metrics are in: schedulers that watch one. Only for them are metrics read. `mayMiss`: the one they watch may come
   * later, with validation.
   */
  afterMetrics(
    interval: ScheduleInterval,
    count: number,
    read: () => Metrics,
    { mayMiss = false }: { mayMiss?: boolean } = {},
  ): void {
    for (const each of this.#stepped) {
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
    const rates: Record<string, number> = {};
    const taken = new Map<string, number>();
    for (const { optimizer, schedulers, name, named } of this.all) {
      const base = schedulers[0]?.name ?? `lr-${named ? name : optimizer.constructor.name}`;
      const count = taken.get(base) ?? 0;
      taken.set(base, count + 1);
      const key = count === 0 ? base : `${base}-${count}`;
      const groups = optimizer.paramGroups;
      if (groups.length === 1) rates[key] = optimizer.lr;
      else for (const [i, group] of groups.entries()) rates[`${key}/pg${i + 1}`] = group.lr;
    }
    return rates;
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
    this.#parked = this.all.map(({ optimizer }) => {
      const { tensors, ...rest } = optimizer.stateDict();
      const host = mapSlots(tensors, toHost);
      optimizer.dispose();
      return { ...rest, tensors: host };
    });
  }

  /** Moves them back, for the next fit of the same module. */
  unpark(): void {
    this.#parked?.forEach(({ tensors, ...rest }, i) => {
      const slots = mapSlots(tensors, fromHost);
      this.all[i]?.optimizer.loadStateDict({ ...rest, tensors: slots });
      tf.dispose(slots as unknown as tf.TensorContainer);
    });
    this.#parked = undefined;
  }

  #step({ scheduler }: ResolvedScheduler, metric: number | undefined): void {
    const owner = `${this.module.constructor.name}.lrSchedulerStep`;
    refusePromise(owner, this.module.lrSchedulerStep(scheduler, metric));
  }
}

/** The variables of an optimizer, in the order of its groups. */
export function parametersOf({ paramGroups }: Optimizer): tf.Variable[] {
  return paramGroups.flatMap((group) => [...group.params]);
}

function refuseSharedParameters(moduleName: string, all: readonly ResolvedOptimizer[]): void {
  const owners = new Map<tf.Variable, string>();
  for (const { name, optimizer } of all) {
    for (const variable of parametersOf(optimizer)) {
      const other = owners.get(variable);
      owners.set(variable, name);
      if (other === undefined || other === name) continue;
      throw new ConfigError(`${moduleName}.configureOptimizers()`, {
        code: 'shared-parameters',
        expected: 'each parameter in one optimizer',
        got: `\`${variable.name}\` in '${other}' and in '${name}'`,
        help: 'give each optimizer parameters of its own, or set `automaticOptimization = false`',
      });
    }
  }
}

function mapSlots<A, B>(slots: Slots<A>, convert: (value: A) => B): Slots<B> {
  const each = (own: Readonly<Record<string, A>>) =>
    Object.fromEntries(Object.entries(own).map(([slot, value]) => [slot, convert(value)]));
  return Object.fromEntries(Object.entries(slots).map(([name, own]) => [name, each(own)]));
}

const watches = ({ scheduler }: ResolvedScheduler): boolean => scheduler instanceof ReduceLROnPlateau;
