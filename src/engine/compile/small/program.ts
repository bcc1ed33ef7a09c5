/** A small step at work: copies what is fed into its buffers, runs it, and makes tensors of what comes out. */
import * as tf from '../../../core/tf.ts';
import { type EmitOptions, NonFiniteStep, type Place, type Program, type StepValues } from '../program.ts';
import type { NodeBackend } from '../tensorflow/backend.ts';
import type { LentState } from '../tensorflow/lent.ts';
import type { StepsAddon } from './addon.ts';
import { emitSmall, type Port, type SmallLayout } from './emit.ts';
import { SmallStates } from './states.ts';

/** Compiles small graphs; `undefined` for others. */
export type SmallEmitter = (options: EmitOptions) => Program | undefined;

/**
 * The emitter of small steps. Their states are handed on to TensorFlow's programs and back.
 *
 * @param stateOf the state that is kept in a place
 */
export function smallEmitter(
  backend: NodeBackend,
  addon: StepsAddon,
  stateOf: (place: Place) => LentState,
): SmallEmitter {
  const kept = new SmallStates(backend, addon);
  return (options) => {
    const lent = (name: string): LentState => stateOf(options.places.get(name) as Place);
    const layout = emitSmall(options, addon, (name, value) => kept.buffer(lent(name), value));
    return layout && new SmallProgram(backend, addon, layout, kept, layout.states.map(lent));
  };
}

class SmallProgram implements Program {
  readonly #backend: NodeBackend;
  readonly #addon: StepsAddon;
  readonly #layout: SmallLayout;
  readonly #kept: SmallStates;
  readonly #states: readonly LentState[];

  constructor(
    backend: NodeBackend,
    addon: StepsAddon,
    layout: SmallLayout,
    kept: SmallStates,
    states: readonly LentState[],
  ) {
    this.#backend = backend;
    this.#addon = addon;
    this.#layout = layout;
    this.#kept = kept;
    this.#states = states;
  }

  run({ inputs, number, seeds }: StepValues): ReadonlyMap<string, tf.Tensor> {
    const { program, inputs: ports, numbers, fed, seeds: drawn, outputs } = this.#layout;
    this.#kept.take(this.#states);
    for (const { name, view } of ports) {
      const { dataId } = inputs.get(name) as tf.Tensor;
      view.set(this.#backend.readSync(dataId) as Float32Array);
    }
    for (let i = 0; i < numbers.length; i++) fed[i] = number(numbers[i] as string);
    drawn?.set(seeds);
    const failed = this.#addon.run(program);
    if (failed === 1) throw new NonFiniteStep();
    const results = new Map<string, tf.Tensor>();
    for (const port of outputs) {
      const tensor = this.#tensor(port);
      for (const name of port.names) results.set(name, tensor);
    }
    return results;
  }

  dispose(): void {
    for (const state of this.#states) if (state.keeper === this.#kept) state.settle();
  }

  /** A tensor whose values stay on the host until an operation of TensorFlow's needs them. */
  #tensor({ view, shape, dtype }: Port): tf.Tensor {
    const dataId = {};
    const values = dtype === 'bool' ? Uint8Array.from(view) : view.slice();
    const record = { shape, dtype: this.#backend.getDTypeInteger(dtype), values, id: -1, refCount: 1 };
    this.#backend.tensorMap.set(dataId, record);
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape: shape as number[], dtype });
  }
}
