/**
 * Sets of a module's weights beside the module: taken, put back, moved out of the engine, saved in checkpoints. Taking
 * them copies nothing: a variable's tensor is never written in place, so it can be held on to.
 */
import type { Checkpoint, SavedTensor } from '../core/contracts.ts';
import { fromHost, share, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';

/** Weights by the names that the module gives its variables. Whoever holds them disposes of them. */
export type Weights = ReadonlyMap<string, tf.Tensor>;

/** Weights outside the engine. */
export type HostWeights = ReadonlyMap<string, SavedTensor>;

/** Weights, such as a module's variables, as they are now. */
export function takeWeights(weights: Weights): Weights {
  return mapped(weights, share);
}

/** Sets the module's variables. The weights stay the caller's. */
export function putWeights(variables: ReadonlyMap<string, tf.Variable>, weights: Weights): void {
  for (const [name, weight] of weights) variables.get(name)?.assign(weight);
}

/** Copies weights, or variables, out of the engine. */
export function toHostWeights(weights: ReadonlyMap<string, tf.Tensor>): HostWeights {
  return mapped(weights, toHost);
}

/** Copies weights into the engine. */
export function fromHostWeights(weights: HostWeights): Weights {
  return mapped(weights, (weight) => tf.keep(fromHost(weight)));
}

/** Disposes of weights. */
export function disposeWeights(weights: Weights | undefined): void {
  for (const weight of weights?.values() ?? []) weight.dispose();
}

/** Writes weights into a checkpoint, each under `prefix/name`. */
export function writeWeights({ tensors }: Checkpoint, prefix: string, weights: HostWeights): void {
  for (const [name, weight] of weights) tensors.set(`${prefix}/${name}`, weight);
}

/** The weights in a checkpoint under `prefix`; `undefined` when there are none. */
export function readWeights({ tensors }: Checkpoint, prefix: string): HostWeights | undefined {
  const found = [...tensors].filter(([name]) => name.startsWith(`${prefix}/`));
  if (found.length === 0) return undefined;
  return new Map(found.map(([name, weight]) => [name.slice(prefix.length + 1), weight]));
}

/** True for a checkpoint that can be resumed from, and not just a set of weights. */
export function isWhole({ state }: Checkpoint): boolean {
  return state.progress !== undefined;
}

function mapped<A, B>(entries: ReadonlyMap<string, A>, convert: (value: A) => B): ReadonlyMap<string, B> {
  return new Map([...entries].map(([name, value]) => [name, convert(value)]));
}
