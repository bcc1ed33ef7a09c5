/** Writes a graph as a TensorFlow SavedModel: one fetch runs the step, others read and set its states. */
import type { Graph, GraphNode, Value } from '../graph.ts';
import { updatesInPlace } from '../in-place.ts';
import type { EmitOptions } from '../program.ts';
import type { Obstacle } from '../tape.ts';
import { savedModel } from './graph-def.ts';
import { type Lowering, lower } from './lower.ts';
import { updateInPlace } from './lower-updates.ts';
import { GraphWriter, typed } from './writer.ts';

/** The names by which a written graph is run. */
export interface Layout {
  readonly model: Uint8Array;
  /** Names of the graph's inputs, and the tensors to feed for them. */
  readonly inputs: readonly { readonly name: string; readonly feed: string }[];
  /** Keys of the fed numbers, in the order of the vector. */
  readonly numbers: readonly string[];
  /** Whether seeds are fed. */
  readonly seeded: boolean;
  /** Tensors to fetch, the first of which runs the updates; and which of them each output is. */
  readonly fetches: readonly string[];
  readonly outputs: ReadonlyMap<string, number>;
  readonly states: readonly StateLayout[];
}

/** How a state is read and set. */
export interface StateLayout {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Value['dtype'];
  readonly read: string;
  readonly feed: string;
  readonly set: string;
}

/** Names of what is fed beside the inputs. */
export const NUMBERS = 'numbers';
export const SEEDS = 'seeds';
/** What TensorFlow's error message says when the loss is not finite. */
export const NOT_FINITE = 'KelvinLossIsNotFinite';

/** Writes a graph; or says what in it TensorFlow has no counterpart for. */
export function emit(options: EmitOptions): { readonly layout: Layout } | { readonly obstacle: Obstacle } {
  return new Emission(options).result();
}

class Emission {
  readonly #graph: Graph;
  readonly #options: EmitOptions;
  readonly #writer = new GraphWriter();
  readonly #names = new Map<Value, string>();
  readonly #origins = new Map<GraphNode, string>();
  readonly #handles = new Map<string, string>();
  readonly #inputs: { name: string; feed: string }[] = [];
  readonly #states: StateLayout[] = [];
  readonly #numbers: string[] = [];
  readonly #inPlace: ReadonlySet<GraphNode>;
  #vector = '';
  #seeds = '';

  constructor(options: EmitOptions) {
    this.#options = options;
    this.#graph = options.graph;
    this.#inPlace = updatesInPlace(options.graph);
  }

  result(): { readonly layout: Layout } | { readonly obstacle: Obstacle } {
    this.#placeholders();
    for (const node of this.#graph.nodes) {
      if (this.#inPlace.has(node)) continue;
      const obstacle = this.#write(node);
      if (obstacle !== undefined) return { obstacle };
    }
    const updates = this.#updates();
    const { fetches, outputs } = this.#outputs(updates);
    const layout = {
      model: savedModel(this.#writer.nodes),
      inputs: this.#inputs,
      numbers: this.#numbers,
      seeded: this.#seeds !== '',
      fetches,
      outputs,
      states: this.#states,
    };
    return { layout };
  }

  /** The vectors of fed numbers and seeds, taken apart once. */
  #placeholders(): void {
    const keys = this.#graph.nodes.filter(({ op }) => op === 'Number').map(({ attrs }) => attrs.number as string);
    this.#numbers.push(...new Set(keys));
    if (keys.length > 0) this.#vector = this.#unpacked(NUMBERS, 'float32', [this.#numbers.length]);
    const random = this.#graph.nodes.some(({ attrs }) => attrs.draw !== undefined);
    if (random) this.#seeds = this.#unpacked(SEEDS, 'int32', [this.#options.draws, 2]);
  }

  #unpacked(name: string, dtype: 'float32' | 'int32', shape: readonly [number, ...number[]]): string {
    const fed = this.#writer.node('Placeholder', [], { dtype: { type: dtype }, shape: { shape } }, name);
    return this.#writer.node('Unpack', [fed], { T: { type: dtype }, num: { i: shape[0] }, axis: { i: 0 } });
  }

  #write(node: GraphNode): Obstacle | undefined {
    const names = this.#source(node) ?? lower(this.#lowering(node));
    if (names === undefined) return { what: `TensorFlow has no counterpart of the kernel ${node.op}`, at: node.at };
    for (const [i, value] of node.outputs.entries()) this.#names.set(value, names[i] as string);
    // Statistics may come from a node behind the one that was written last: the fused operation's own name is kept.
    this.#origins.set(node, nodeOf(names[1] ?? (names[0] as string)));
    return undefined;
  }

  #source(node: GraphNode): readonly string[] | undefined {
    const [value] = node.outputs as readonly [Value];
    const { name, number, values, value: filled } = node.attrs;
    switch (node.op) {
      case 'Input': {
        const attrs = { ...typed(value, 'dtype'), shape: { shape: value.shape } };
        const feed = this.#writer.node('Placeholder', [], attrs, `input_${this.#inputs.length}`);
        this.#inputs.push({ name: name as string, feed: `${feed}:0` });
        return [feed];
      }
      case 'State':
        return [this.#state(name as string, value).read];
      case 'Number':
        return [`${this.#vector}:${this.#numbers.indexOf(number as string)}`];
      case 'Constant':
        return [this.#writer.constant(value.dtype, value.shape, (values as ArrayLike<number>) ?? [filled as number])];
      default:
        return undefined;
    }
  }

  /** A variable, how it is read, and how it is set. What is set is copied: its memory may be somebody else's. */
  #state(name: string, { shape, dtype }: Pick<Value, 'shape' | 'dtype'>): StateLayout {
    const i = this.#states.length;
    const of = { dtype: { type: dtype } } as const;
    const attrs = { ...of, shape: { shape }, shared_name: { s: `state_${i}` }, container: { s: '' } };
    const handle = this.#writer.node('VarHandleOp', [], attrs, `state_${i}`);
    const read = this.#writer.node('ReadVariableOp', [handle], of, `read_${i}`);
    const fed = this.#writer.node('Placeholder', [], { ...of, shape: { shape } }, `value_${i}`);
    const copy = this.#writer.node('DeepCopy', [fed], { T: { type: dtype } }, `copy_${i}`);
    const assigned = this.#writer.node('AssignVariableOp', [handle, copy], of, `assign_${i}`);
    const set = this.#writer.node(
      'Identity',
      [this.#writer.float(0), `^${assigned}`],
      { T: { type: 'float32' } },
      `set_${i}`,
    );
    const state = { name, shape, dtype, read, feed: `${fed}:0`, set: `${set}:0` };
    this.#handles.set(name, handle);
    this.#states.push(state);
    return state;
  }

  #lowering(node: GraphNode): Lowering {
    return {
      graph: this.#writer,
      node,
      input: (name) => this.#names.get(node.inputs[name] as Value) as string,
      origin: (value) => this.#origins.get(value.node) as string,
      seed: (draw) => `${this.#seeds}:${draw}`,
    };
  }

  /** All updates, once everything that they need is there, and everything that reads the old values has run. */
  #updates(): readonly string[] {
    const { updates, outputs } = this.#graph;
    const { finite } = this.#options;
    if (updates.size === 0) return [];
    const awaited = [...this.#inPlace]
      .flatMap(({ inputs }) => Object.values(inputs))
      .filter(({ node }) => node.op !== 'State');
    for (const value of updates.values()) if (!this.#inPlace.has(value.node)) awaited.push(value);
    const checked = new Set(finite.map((name) => outputs.get(name) as Value));
    const waits = new Set(awaited.map((value) => `^${nodeOf(this.#names.get(value) as string)}`));
    for (const value of checked) {
      const attrs = { T: { type: 'float32' }, message: { s: NOT_FINITE } } as const;
      waits.add(`^${this.#writer.node('CheckNumerics', [this.#names.get(value) as string], attrs)}`);
    }
    const ready = this.#writer.node('NoOp', [...waits]);
    const done: string[] = [];
    for (const node of this.#inPlace) {
      const handle = ({ node: state }: Value): string => this.#handles.get(state.attrs.name as string) as string;
      done.push(...(updateInPlace(this.#lowering(node), handle, ready) as readonly string[]));
    }
    for (const [name, value] of updates) {
      if (this.#inPlace.has(value.node)) continue;
      if (!this.#handles.has(name)) this.#state(name, value);
      const inputs = [this.#handles.get(name) as string, this.#names.get(value) as string, `^${ready}`];
      done.push(this.#writer.node('AssignVariableOp', inputs, typed(value, 'dtype')));
    }
    return done;
  }

  #outputs(updates: readonly string[]): Pick<Layout, 'fetches' | 'outputs'> {
    const values = [...new Set(this.#graph.outputs.values())];
    const waits = updates.map((name) => `^${name}`);
    const fetches = values.map((value, i) => {
      const inputs = [this.#names.get(value) as string, ...(i === 0 ? waits : [])];
      return `${this.#writer.node('Identity', inputs, typed(value), `output_${i}`)}:0`;
    });
    if (fetches.length === 0)
      fetches.push(`${this.#writer.node('Identity', [this.#writer.float(0), ...waits], { T: { type: 'float32' } })}:0`);
    const outputs = new Map([...this.#graph.outputs].map(([name, value]) => [name, values.indexOf(value)]));
    return { fetches, outputs };
  }
}

const nodeOf = (tensor: string): string => tensor.split(':', 1)[0] as string;
