/**
 * One logged key: its newest value and, when an epoch value is wanted, what has been gathered of the epoch. Tensors are
 * kept as they come and read late; at most {@link PENDING_CAP} wait to be read.
 */
import type { LogValue, Reduction, XAxis } from '../core/contracts.ts';
import { readScalar, share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';

/** Options with all defaults filled in. */
export interface ResolvedLogOptions {
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly reduceFx: Reduction;
  readonly logger: boolean;
  readonly progBar: boolean;
  readonly xAxis: XAxis;
}

/** How many unread tensors one key may hold before they are folded into the running value of the epoch. */
const PENDING_CAP = 32;

/** What an epoch has come to so far, in double precision on the host. */
interface Gathered {
  total: number;
  weight: number;
  extreme: number;
}

/** An entry in a checkpoint: what was gathered, the newest value, and when that was logged. */
export interface LogEntryState extends Readonly<Gathered> {
  readonly newest: number;
  readonly stamp: number;
}

let waiting = 0;

/** Tensors that were logged and wait to be read, in all log books. */
export function tensorsInLogs(): number {
  return waiting;
}

function hold(tensor: tf.Tensor): tf.Tensor {
  waiting++;
  return share(tensor);
}

function drop(tensor: tf.Tensor): void {
  waiting--;
  tensor.dispose();
}

export class LogEntry {
  readonly name: string;
  readonly hook: string;
  readonly options: ResolvedLogOptions;
  /** When the newest value was logged: the number of the batch within the stage. */
  stamp = -1;
  #newest: number | tf.Tensor = Number.NaN;
  #pending: { value: tf.Tensor; weight: number }[] = [];
  #gathered: Gathered = { total: 0, weight: 0, extreme: Number.NaN };
  #reduced: number | undefined;

  constructor(name: string, hook: string, options: ResolvedLogOptions) {
    this.name = name;
    this.hook = hook;
    this.options = options;
  }

  /** Takes a value. A tensor is shared, not read: the caller's own may be disposed of. */
  add(value: LogValue, weight: number, stamp: number): void {
    const held = value instanceof tf.Tensor ? hold(value) : Number(value);
    if (this.#newest instanceof tf.Tensor) drop(this.#newest);
    this.#newest = Number.NaN;
    this.stamp = stamp;
    if (this.options.onStep) this.#newest = held;
    if (!this.options.onEpoch) {
      if (!this.options.onStep && held instanceof tf.Tensor) drop(held);
      return;
    }
    this.#reduced = undefined;
    if (typeof held === 'number') {
      this.#gather(held, weight);
      return;
    }
    this.#pending.push({ value: this.options.onStep ? hold(held) : held, weight });
    if (this.#pending.length >= PENDING_CAP) this.#fold();
  }

  /** The newest value. Reads it back the first time. */
  get step(): number {
    if (this.#newest instanceof tf.Tensor) {
      const tensor = this.#newest;
      this.#newest = readScalar(tensor);
      drop(tensor);
    }
    return this.#newest;
  }

  /** The value of the epoch so far. */
  get epoch(): number {
    if (this.#reduced === undefined) {
      this.#fold();
      this.#reduced = reduce(this.options.reduceFx, this.#gathered);
    }
    return this.#reduced;
  }

  /** What a checkpoint needs to continue the epoch. */
  state(): LogEntryState {
    this.#fold();
    return { ...this.#gathered, newest: this.step, stamp: this.stamp };
  }

  restore({ newest, stamp, ...gathered }: LogEntryState): void {
    this.#newest = newest;
    this.stamp = stamp;
    this.#gathered = gathered;
    this.#reduced = undefined;
  }

  dispose(): void {
    if (this.#newest instanceof tf.Tensor) drop(this.#newest);
    this.#newest = Number.NaN;
    for (const { value } of this.#pending) drop(value);
    this.#pending = [];
  }

  #fold(): void {
    for (const { value, weight } of this.#pending) {
      this.#gather(readScalar(value), weight);
      drop(value);
    }
    this.#pending = [];
  }

  #gather(value: number, weight: number): void {
    const g = this.#gathered;
    const first = g.weight === 0;
    if (this.options.reduceFx === 'min') g.extreme = first ? value : Math.min(g.extreme, value);
    if (this.options.reduceFx === 'max') g.extreme = first ? value : Math.max(g.extreme, value);
    g.total += this.options.reduceFx === 'mean' ? value * weight : value;
    g.weight += weight;
  }
}

function reduce(how: Reduction, { total, weight, extreme }: Gathered): number {
  switch (how) {
    case 'mean':
      return total / weight;
    case 'sum':
      return total;
    case 'min':
    case 'max':
      return extreme;
    default:
      return how satisfies never;
  }
}
