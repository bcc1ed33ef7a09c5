/** A step as one call of TensorFlow: loads the written graph into a session, feeds it, and keeps the states there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackendError, messageOf } from '../../../core/errors.ts';
import type * as tf from '../../../core/tf.ts';
import {
  type EmitOptions,
  type Emitter,
  NonFiniteStep,
  type Place,
  type Program,
  type StepValues,
} from '../program.ts';
import { stepsAddon } from '../small/addon.ts';
import { smallEmitter } from '../small/program.ts';
import type { NodeBackend } from './backend.ts';
import { emit, type Layout, NOT_FINITE, NUMBERS, SEEDS, type StateLayout } from './emit.ts';
import { type Keeper, LentState } from './lent.ts';
import { CONFIG_FILE, sessionConfig } from './session-config.ts';

/**
 * The emitter of a native TensorFlow backend. Programs of one emitter hand states on to one another. Small graphs run
 * outside of TensorFlow where the addon for them is there.
 */
export function tensorFlowEmitter(backend: NodeBackend): Emitter {
  const states = new Map<string, LentState>();
  const stateOf = (place: Place): LentState => {
    const known = states.get(place.name) ?? new LentState(place, backend);
    states.set(place.name, known);
    return known;
  };
  const addon = stepsAddon();
  const emitSmall = addon && smallEmitter(backend, addon, stateOf);
  return {
    emit: (options) => {
      const small = emitSmall?.(options);
      if (small !== undefined) return { program: small };
      const result = emit(options);
      if ('obstacle' in result) return result;
      const { layout } = result;
      const own = layout.states.map(({ name }) => stateOf(options.places.get(name) as Place));
      return { program: new TensorFlowProgram(backend, layout, own, options) };
    },
  };
}

class TensorFlowProgram implements Program, Keeper {
  readonly #backend: NodeBackend;
  readonly #layout: Layout;
  readonly #states: readonly LentState[];
  readonly #places: ReadonlyMap<LentState, StateLayout>;
  readonly #session: number;
  readonly #names: string;
  readonly #fetches: string;
  readonly #numbers: Float32Array;
  readonly #draws: number;

  constructor(backend: NodeBackend, layout: Layout, states: readonly LentState[], { graph, draws }: EmitOptions) {
    this.#backend = backend;
    this.#layout = layout;
    this.#states = states;
    this.#places = new Map(states.map((state, i) => [state, layout.states[i] as StateLayout]));
    this.#session = load(backend, layout.model, sessionConfig(graph));
    const feeds = layout.inputs.map(({ feed }) => feed);
    if (layout.numbers.length > 0) feeds.push(`${NUMBERS}:0`);
    if (layout.seeded) feeds.push(`${SEEDS}:0`);
    this.#names = feeds.join();
    this.#fetches = layout.fetches.join();
    this.#numbers = new Float32Array(layout.numbers.length);
    this.#draws = draws;
  }

  run({ inputs, number, seeds }: StepValues): ReadonlyMap<string, tf.Tensor> {
    this.#takeStates();
    const { binding } = this.#backend;
    const { numbers, seeded, inputs: fed, outputs } = this.#layout;
    const ids = this.#backend.getInputTensorIds(fed.map(({ name }) => inputs.get(name) as tf.Tensor));
    const own: number[] = [];
    const feed = (shape: readonly number[], dtype: number, values: Float32Array | Int32Array): void => {
      const id = binding.createTensor(shape, dtype, values.slice()); // the addon may go on using this memory
      own.push(id);
      ids.push(id);
    };
    if (numbers.length > 0) {
      for (let i = 0; i < numbers.length; i++) this.#numbers[i] = number(numbers[i] as string);
      feed([numbers.length], binding.TF_FLOAT, this.#numbers);
    }
    if (seeded) feed([this.#draws, 2], binding.TF_INT32, seeds);
    try {
      const results = binding.runSavedModel(this.#session, ids, this.#names, this.#fetches);
      const tensors = results.map((metadata) => this.#backend.createOutputTensor(metadata));
      if (outputs.size === 0) for (const tensor of tensors) tensor.dispose();
      return new Map([...outputs].map(([name, i]) => [name, tensors[i] as tf.Tensor]));
    } catch (error) {
      throw messageOf(error).includes(NOT_FINITE) ? new NonFiniteStep(undefined, { cause: error }) : error;
    } finally {
      for (const id of own) binding.deleteTensor(id);
    }
  }

  fetch(state: LentState): number {
    const { read } = this.#places.get(state) as StateLayout;
    const [result] = this.#backend.binding.runSavedModel(this.#session, [], '', `${read}:0`);
    return (result as { id: number }).id;
  }

  dispose(): void {
    for (const state of this.#states) if (state.keeper === this) state.settle();
    this.#backend.binding.deleteSavedModel(this.#session);
  }

  /** Gets the states that are not here, or that somebody has looked at or set since the last step. */
  #takeStates(): void {
    let settled = true;
    for (const state of this.#states) settled = settled && state.isWith(this);
    if (settled) return;
    const behind = this.#states.filter((state) => !state.isWith(this));
    const pushed = behind.flatMap((state) => {
      const id = state.sourceFor(this);
      return id === undefined ? [] : [{ id, at: this.#places.get(state) as StateLayout }];
    });
    if (pushed.length > 0) this.#set(pushed);
    for (const state of behind) state.lendTo(this);
  }

  #set(values: readonly { readonly id: number; readonly at: StateLayout }[]): void {
    const { binding } = this.#backend;
    const feeds = values.map(({ at }) => at.feed).join();
    const sets = values.map(({ at }) => at.set).join();
    const done = binding.runSavedModel(
      this.#session,
      values.map(({ id }) => id),
      feeds,
      sets,
    );
    for (const { id } of done) binding.deleteTensor(id);
  }
}

/** The addon reads a SavedModel from a directory only. */
function load({ binding }: NodeBackend, model: Uint8Array, config: Uint8Array | undefined): number {
  const directory = mkdtempSync(join(tmpdir(), 'kelvin-step-'));
  try {
    writeFileSync(join(directory, 'saved_model.pb'), model);
    if (config !== undefined) writeFileSync(join(directory, CONFIG_FILE), config);
    return binding.loadSavedModel(`${directory}/`, 'serve');
  } catch (error) {
    throw new BackendError('TensorFlow does not take the graph of the compiled step', {
      code: 'graph-refused',
      help: 'train with `compile: false`, and report the network that it happens with',
      cause: error,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
