/** Collects the nodes of a TensorFlow graph, names them and makes constants once. */
import type { Value } from '../graph.ts';
import type { DType } from '../tape.ts';
import type { AttrValue, NodeDef } from './graph-def.ts';

/** Attributes of a node by name. */
export type Attributes = Readonly<Record<string, AttrValue>>;

export class GraphWriter {
  readonly nodes: NodeDef[] = [];
  readonly #constants = new Map<string, string>();

  /** Adds a node and returns its name, which is also the name of its first output. */
  node(op: string, inputs: readonly string[], attrs: Attributes = {}, name = `${op}_${this.nodes.length}`): string {
    this.nodes.push({ name, op, inputs, attrs });
    return name;
  }

  /** A constant. One value for a larger shape fills it. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): string {
    const attrs = { dtype: { type: dtype }, value: { tensor: { dtype, shape, values } } } as const;
    if (values.length > 64) return this.node('Const', [], attrs);
    const key = `${dtype}[${shape}]${Array.from(values, (value) => (Object.is(value, -0) ? '-0' : value))}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.node('Const', [], attrs);
    this.#constants.set(key, name);
    return name;
  }

  /** An int32 vector, as shapes and axes are given. */
  ints(values: readonly number[]): string {
    return this.constant('int32', [values.length], values);
  }

  /** A float32 scalar. */
  float(value: number): string {
    return this.constant('float32', [], [value]);
  }
}

/** The attribute by which most operations know their dtype. */
export function typed(value: Pick<Value, 'dtype'>, name = 'T'): Attributes {
  return { [name]: { type: value.dtype } };
}
