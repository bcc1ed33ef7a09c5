/** What an engine makes of a graph: a program that is run once per step. Each engine that can do so has an emitter. */
import type * as tf from '../../core/tf.ts';
import type { Graph } from './graph.ts';
import type { Obstacle } from './tape.ts';

/** Where a state is kept while eager code runs: in a variable, or in a slot of an optimizer. */
export interface Place {
  readonly name: string;
  /** The tensor that is there now. */
  read(): tf.Tensor;
  /** Puts another in its place, and takes it over. */
  write(tensor: tf.Tensor): void;
}

/** What a step is run with. */
export interface StepValues {
  /** Tensors by the names of the graph's inputs. */
  readonly inputs: ReadonlyMap<string, tf.Tensor>;
  /** The value of a fed number, by its key. */
  readonly number: (key: string) => number;
  /** Two 32-bit integers for each draw of the step, in order. */
  readonly seeds: Int32Array;
}

/** A compiled step. */
export interface Program {
  /**
   * Runs the step: the outputs by name, as new tensors, the same one where values are the same. States change in place;
   * eager code that reads them afterwards sees the new values.
   *
   * @throws NonFiniteStep when a value that must be finite is not; no state has been changed then
   */
  run(values: StepValues): ReadonlyMap<string, tf.Tensor>;
  /** Brings all states back to where eager code keeps them, and frees the program. */
  dispose(): void;
}

/** How a graph is to be compiled. */
export interface EmitOptions {
  readonly graph: Graph;
  readonly places: ReadonlyMap<string, Place>;
  /** How many draws of random numbers a step makes. */
  readonly draws: number;
  /** The outputs without whose being finite nothing is updated. */
  readonly finite: readonly string[];
}

/** Compiles graphs for one engine. */
export interface Emitter {
  emit(options: EmitOptions): { readonly program: Program } | { readonly obstacle: Obstacle };
}

/** Thrown by a program when the loss was NaN or infinite. */
export class NonFiniteStep extends Error {}
