/** The states of small steps: one buffer each, which all steps of a run work on. */
import type { Value } from '../graph.ts';
import type { NodeBackend } from '../tensorflow/backend.ts';
import type { Keeper, LentState } from '../tensorflow/lent.ts';
import type { StepsAddon } from './addon.ts';
import { viewOf } from './memory.ts';

interface Kept {
  readonly buffer: Float32Array;
  readonly view: Float32Array | Int32Array;
  readonly shape: readonly number[];
  readonly dtype: Value['dtype'];
}

export class SmallStates implements Keeper {
  readonly #backend: NodeBackend;
  readonly #addon: StepsAddon;
  readonly #kept = new Map<LentState, Kept>();

  constructor(backend: NodeBackend, addon: StepsAddon) {
    this.#backend = backend;
    this.#addon = addon;
  }

  /** The buffer of a state; made where it has none. */
  buffer(state: LentState, value: Value): Float32Array {
    const known = this.#kept.get(state);
    if (known !== undefined) return known.buffer;
    const { shape, dtype } = value;
    const size = shape.reduce((product, n) => product * n, 1);
    const buffer = this.#addon.allocate(Math.max(1, size)).subarray(0, size);
    this.#kept.set(state, { buffer, view: viewOf(buffer, value), shape, dtype });
    return buffer;
  }

  fetch(state: LentState): number {
    const { view, shape, dtype } = this.#kept.get(state) as Kept;
    const values = dtype === 'bool' ? Uint8Array.from(view) : view.slice();
    return this.#backend.binding.createTensor(shape, this.#backend.getDTypeInteger(dtype), values);
  }

  /** Gets the states that are not here, or that somebody has looked at or set since the last step. */
  take(states: readonly LentState[]): void {
    for (const state of states) {
      if (state.isWith(this)) continue;
      const id = state.sourceFor(this);
      if (id !== undefined) (this.#kept.get(state) as Kept).view.set(this.#backend.binding.tensorDataSync(id));
      state.lendTo(this);
    }
  }
}
