/** Where the values of a small step lie: numbered buffers, most of them parts of one piece of memory. */
import { type Graph, sizeOf, type Value } from '../graph.ts';
import type { StepsAddon } from './addon.ts';

/** Buffers begin at multiples of so many floats: a line of the processor's cache. */
const ALIGNMENT = 16;

export class Memory {
  readonly buffers: Float32Array[] = [];
  readonly #places = new Map<Value, number>();
  readonly #shared = new Set<number>();
  readonly #addon: StepsAddon;
  #free: Float32Array;

  /** `floats` are set aside at once; what goes beyond lies elsewhere. */
  constructor(addon: StepsAddon, floats: number) {
    this.#addon = addon;
    this.#free = addon.allocate(floats);
  }

  /** About how many floats the values of a graph take, temporary copies of outputs and updates included. */
  static needed({ nodes, outputs, updates }: Graph): number {
    let floats = 0;
    const add = (value: Value): void => {
      floats += aligned(sizeOf(value));
    };
    for (const node of nodes) node.outputs.forEach(add);
    for (const value of [...outputs.values(), ...updates.values()]) add(value);
    return floats + 16 * ALIGNMENT;
  }

  /** A new buffer. */
  make(floats: number): number {
    const whole = aligned(floats);
    if (whole > this.#free.length) this.#free = this.#addon.allocate(whole);
    const buffer = this.#free.subarray(0, floats);
    this.#free = this.#free.subarray(whole);
    return this.#number(buffer);
  }

  /** Takes in a buffer whose values outlive the step. */
  share(buffer: Float32Array): number {
    const number = this.#number(buffer);
    this.#shared.add(number);
    return number;
  }

  /** A part of a buffer, to its end. */
  part(of: number, from: number): number {
    const part = this.#number((this.buffers[of] as Float32Array).subarray(from));
    if (this.#shared.has(of)) this.#shared.add(part);
    return part;
  }

  /** The buffer of a value; made where it has none. */
  of(value: Value): number {
    const known = this.#places.get(value);
    if (known !== undefined) return known;
    const made = this.make(sizeOf(value));
    this.#places.set(value, made);
    return made;
  }

  /** Puts a value where another one lies already. */
  place(value: Value, buffer: number): void {
    this.#places.set(value, buffer);
  }

  isShared(buffer: number): boolean {
    return this.#shared.has(buffer);
  }

  #number(buffer: Float32Array): number {
    this.buffers.push(buffer);
    return this.buffers.length - 1;
  }
}

const aligned = (floats: number): number => Math.ceil(floats / ALIGNMENT) * ALIGNMENT;

/** The same memory, under the dtype of what is in it. Truth values are float32 here. */
export function viewOf(buffer: Float32Array, { dtype }: Pick<Value, 'dtype'>): Float32Array | Int32Array {
  return dtype === 'int32' ? new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length) : buffer;
}
