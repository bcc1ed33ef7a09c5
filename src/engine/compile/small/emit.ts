/** Writes a graph as a list of instructions over numbered buffers; or leaves it to TensorFlow. */
import { type Graph, type GraphNode, sizeOf, type Value } from '../graph.ts';
import { SLOTS, updatesInPlace } from '../in-place.ts';
import type { EmitOptions } from '../program.ts';
import type { StepsAddon, StepsProgram } from './addon.ts';
import { composed } from './compose.ts';
import { floatBits, KIND, MAP } from './functions.ts';
import { type Lowering, lowerSmall } from './lower.ts';
import { Memory, viewOf } from './memory.ts';
import { absorbed, lowerProduct, productsOf, SMALL } from './products.ts';
import { lowerUpdate } from './updates.ts';

/** How many floats the values of a step may take: they stay in the processor's caches. */
const MOST_FLOATS = 1_000_000;

/** A value that goes in or comes out, by name. */
export interface Port {
  readonly name: string;
  readonly view: Float32Array | Int32Array;
  readonly shape: readonly number[];
  readonly dtype: Value['dtype'];
}

/** A step that can be run. */
export interface SmallLayout {
  readonly program: StepsProgram;
  readonly inputs: readonly Port[];
  /** The names of the states; their buffers are shared with other steps. */
  readonly states: readonly string[];
  /** Keys of the fed numbers, and where they go. */
  readonly numbers: readonly string[];
  readonly fed: Float32Array;
  readonly seeds: Int32Array | undefined;
  /** Outputs; several names where their values are the same. */
  readonly outputs: readonly (Port & { readonly names: readonly string[] })[];
}

/** Gives the buffer of a state. */
export type StateBuffer = (name: string, value: Value) => Float32Array;

/** Writes a small graph whose operations are all known here; `undefined` for any other. */
export function emitSmall(options: EmitOptions, addon: StepsAddon, stateBuffer: StateBuffer): SmallLayout | undefined {
  const graph = composed(options.graph);
  if (productsOf(graph) > SMALL || Memory.needed(graph) > MOST_FLOATS) return undefined;
  return new SmallEmission({ ...options, graph }, addon, stateBuffer).result();
}

class SmallEmission {
  readonly #graph: Graph;
  readonly #options: EmitOptions;
  readonly #addon: StepsAddon;
  readonly #stateBuffer: StateBuffer;
  readonly #memory: Memory;
  readonly #code: number[] = [];
  readonly #inputs: Port[] = [];
  readonly #states = new Map<string, number>();
  readonly #numbers: string[];
  readonly #fed: number;
  #seeds: number | undefined;
  #work = 0;

  constructor(options: EmitOptions, addon: StepsAddon, stateBuffer: StateBuffer) {
    const { graph, draws } = options;
    this.#options = options;
    this.#graph = graph;
    this.#addon = addon;
    this.#stateBuffer = stateBuffer;
    const keys = graph.nodes.filter(({ op }) => op === 'Number').map(({ attrs }) => attrs.number as string);
    this.#numbers = [...new Set(keys)];
    this.#memory = new Memory(addon, Memory.needed(graph) + this.#numbers.length + 2 * draws);
    this.#fed = this.#memory.make(Math.max(1, this.#numbers.length));
  }

  result(): SmallLayout | undefined {
    const { nodes, updates } = this.#graph;
    const inPlace = updatesInPlace(this.#graph);
    const left = absorbed(this.#graph);
    for (const node of nodes) {
      if (inPlace.has(node) || left.has(node) || this.#source(node)) continue;
      const beside = lowerProduct(this.#lowering(node), left);
      if (beside !== undefined) this.#work = Math.max(this.#work, beside);
      else if (!this.#lower(node)) return undefined;
    }
    const outputs = this.#outputs();
    this.#checkLoss();
    const later = [...updates].filter(([, value]) => !inPlace.has(value.node));
    const moves = later.map(([name, value]) => ({ from: this.#settled(value), name, value }));
    const gradients = [...inPlace].map(({ inputs }) => this.#settled(inputs.gradient as Value));
    [...inPlace].forEach((node, i) => {
      const results = node.outputs.map((_, slot) =>
        this.#memory.of(node.inputs[SLOTS[node.op]?.[slot] ?? ''] as Value),
      );
      lowerUpdate(this.#lowering(node), results, gradients[i] as number);
    });
    for (const { from, name, value } of moves) this.#copy(this.#state(name, value), from, sizeOf(value));
    return this.#layout(outputs);
  }

  #layout(outputs: SmallLayout['outputs']): SmallLayout {
    const { buffers } = this.#memory;
    const seeds = this.#seeds === undefined ? undefined : (buffers[this.#seeds] as Float32Array);
    return {
      program: this.#addon.create(Int32Array.from(this.#code), buffers, this.#work),
      inputs: this.#inputs,
      states: [...this.#states.keys()],
      numbers: this.#numbers,
      fed: buffers[this.#fed] as Float32Array,
      seeds: seeds && (viewOf(seeds, { dtype: 'int32' }) as Int32Array),
      outputs,
    };
  }

  /** Gives a source its buffer. False for an operation. */
  #source(node: GraphNode): boolean {
    const [value] = node.outputs as readonly [Value];
    const { name, number, values, value: filled } = node.attrs;
    const { buffers } = this.#memory;
    switch (node.op) {
      case 'Input':
        this.#inputs.push(this.#port(name as string, value, this.#memory.of(value)));
        return true;
      case 'State':
        this.#memory.place(value, this.#state(name as string, value));
        return true;
      case 'Number':
        this.#memory.place(value, this.#memory.part(this.#fed, this.#numbers.indexOf(number as string)));
        return true;
      case 'Constant': {
        const view = viewOf(buffers[this.#memory.of(value)] as Float32Array, value);
        if (values === undefined) view.fill(filled as number);
        else view.set(values as ArrayLike<number>);
        return true;
      }
      default:
        return false;
    }
  }

  #lower(node: GraphNode): boolean {
    const at = this.#lowering(node);
    if (SLOTS[node.op] === undefined) return lowerSmall(at);
    const results = node.outputs.map((value) => this.#memory.of(value));
    return lowerUpdate(at, results, at.input('gradient'));
  }

  #lowering(node: GraphNode): Lowering {
    return {
      node,
      memory: this.#memory,
      input: (name) => this.#memory.of(node.inputs[name] as Value),
      add: (kind, operands) => this.#add(kind, operands),
      seeds: () => {
        this.#seeds ??= this.#memory.make(2 * this.#options.draws);
        return this.#seeds;
      },
    };
  }

  #add(kind: keyof typeof KIND, operands: readonly number[]): void {
    this.#code.push(KIND[kind], operands.length + 2, ...operands);
  }

  #copy(to: number, from: number, size: number): void {
    this.#add('map', [MAP.Copy as number, to, from, size, floatBits(0), floatBits(0)]);
  }

  #state(name: string, value: Value): number {
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const buffer = this.#memory.share(this.#stateBuffer(name, value));
    this.#states.set(name, buffer);
    return buffer;
  }

  /** The buffer of a value that updates do not change. */
  #settled(value: Value): number {
    const buffer = this.#memory.of(value);
    if (!this.#memory.isShared(buffer)) return buffer;
    const copy = this.#memory.make(sizeOf(value));
    this.#copy(copy, buffer, sizeOf(value));
    return copy;
  }

  #checkLoss(): void {
    const { outputs } = this.#graph;
    const losses = new Set(this.#options.finite.map((name) => outputs.get(name) as Value));
    for (const loss of losses) this.#add('finite', [this.#memory.of(loss), sizeOf(loss)]);
  }

  #outputs(): SmallLayout['outputs'] {
    const names = new Map<Value, string[]>();
    for (const [name, value] of this.#graph.outputs) names.set(value, [...(names.get(value) ?? []), name]);
    return [...names].map(([value, own]) => ({
      ...this.#port(own[0] as string, value, this.#settled(value)),
      names: own,
    }));
  }

  #port(name: string, value: Value, buffer: number): Port {
    const { shape, dtype } = value;
    return { name, view: viewOf(this.#memory.buffers[buffer] as Float32Array, value), shape, dtype };
  }
}
