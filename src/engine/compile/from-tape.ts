/**
 * Makes a graph of two recordings of the same step. What was the same in both is constant; what differed is fed, is a
 * state, or keeps the step from being compiled.
 */
import { differenceOf, type RecordedStep } from './compare.ts';
import { type Graph, GraphBuilder, prune, type Spec, sizeOf, type Value } from './graph.ts';
import { numberKey, type TunedNumbers } from './numbers.ts';
import { lineOf } from './origin.ts';
import type { DType, FedNumber, HostTensor, KernelCall, Obstacle, TensorRef } from './tape.ts';

/** Reads the values of a tensor that was there before the step and belongs to nobody known. */
export type ReadCaptured = (ref: TensorRef) => ArrayBufferView;

/** A graph; or why there is none: two recordings that took different courses may be followed by two that agree. */
export type GraphResult = { readonly graph: Graph } | { readonly obstacle: Obstacle } | { readonly differs: Obstacle };

/**
 * Compares two recordings and makes a graph of the second.
 *
 * @param tuned the numbers that are fed because settings change
 */
export function graphOf(
  first: RecordedStep,
  second: RecordedStep,
  read: ReadCaptured,
  tuned?: TunedNumbers,
): GraphResult {
  const obstacle = second.tape.obstacle ?? first.tape.obstacle;
  if (obstacle !== undefined) return { obstacle };
  const difference = differenceOf(first, second);
  if (difference !== undefined) return { differs: difference };
  return { graph: new Assembly(first, second, read, tuned).graph() };
}

class Assembly {
  readonly #build = new GraphBuilder();
  readonly #values = new Map<object, Value>();
  readonly #first: RecordedStep;
  readonly #second: RecordedStep;
  readonly #read: ReadCaptured;
  readonly #tuned: TunedNumbers | undefined;
  #draws = 0;

  constructor(first: RecordedStep, second: RecordedStep, read: ReadCaptured, tuned: TunedNumbers | undefined) {
    this.#tuned = tuned;
    this.#first = first;
    this.#second = second;
    this.#read = read;
  }

  graph(): Graph {
    const { tape, inputs, states, updated, outputs } = this.#second;
    for (const [name, ref] of inputs) this.#source('Input', name, ref);
    for (const [name, ref] of states) this.#source('State', name, ref);
    tape.entries.forEach((entry, i) => {
      if (entry.kind === 'host') this.#host(entry, this.#first.tape.entries[i] as HostTensor, i);
      else this.#kernel(entry, this.#first.tape.entries[i] as KernelCall);
    });
    const valuesOf = (refs: ReadonlyMap<string, TensorRef>) =>
      new Map([...refs].map(([name, ref]) => [name, this.#valueOf(ref, undefined)]));
    const changed = [...updated].filter(([name, ref]) => ref.dataId !== states.get(name)?.dataId);
    return prune({ nodes: this.#build.nodes, outputs: valuesOf(outputs), updates: valuesOf(new Map(changed)) });
  }

  #source(op: 'Input' | 'State', name: string, ref: TensorRef): void {
    this.#values.set(ref.dataId, this.#build.one(op, {}, { name }, specOf(ref)));
  }

  #host({ output, values, at }: HostTensor, before: HostTensor, place: number): void {
    if (this.#values.has(output.dataId)) return; // made for the step, and given to it
    const fed = this.#second.tape.numbers.get(output.dataId);
    const same = sameValues(values, before.values);
    this.#values.set(output.dataId, this.#hostValue(fed, { output, values, same, place, at }));
  }

  #hostValue(
    fed: FedNumber | undefined,
    {
      output,
      values,
      same,
      place,
      at,
    }: Pick<HostTensor, 'output' | 'values' | 'at'> & { same: boolean; place: number },
  ): Value {
    const spec = specOf(output);
    if (fed !== undefined) return this.#build.one('Number', {}, { number: numberKey(fed) }, spec, at);
    const tuned = this.#tuned;
    if (tuned !== undefined && values.length === 1 && spec.dtype === 'float32' && tuned.takes(place, same)) {
      const key = numberKey({ source: tuned, name: tuned.tune(place, values[0] as number) });
      const x = this.#build.one('Number', {}, { number: key }, { shape: [], dtype: 'float32' }, at);
      return spec.shape.length === 0 ? x : this.#build.one('BroadcastTo', { x }, { shape: [...spec.shape] }, spec, at);
    }
    return same ? this.#constant(values, spec) : this.#build.one('Varying', {}, { size: sizeOf(spec) }, spec, at);
  }

  #kernel({ name, inputs, attrs, outputs, at }: KernelCall, before: KernelCall): void {
    const values = Object.fromEntries(
      Object.entries(inputs).map(([key, ref]) => [key, this.#valueOf(ref, before.inputs[key])]),
    );
    const specs = outputs.map(specOf);
    const { seed, ...rest } = attrs;
    const made = this.#build.add(
      name,
      values,
      seed === undefined ? attrs : { ...rest, draw: this.#draws++ },
      specs,
      at,
    );
    outputs.forEach(({ dataId }, i) => {
      if (!this.#values.has(dataId)) this.#values.set(dataId, made[i] as Value);
    });
  }

  /** The value of a tensor. Backends reshape and cast by giving out the same data with another shape or dtype. */
  #valueOf(ref: TensorRef, before: TensorRef | undefined): Value {
    const spec = specOf(ref);
    let value = this.#values.get(ref.dataId) ?? this.#captured(ref, before);
    if (value.dtype !== spec.dtype)
      value = this.#build.one('Cast', { x: value }, { dtype: spec.dtype }, { ...spec, shape: value.shape });
    if (String(value.shape) !== String(spec.shape))
      value = this.#build.one('Reshape', { x: value }, { shape: [...spec.shape] }, spec);
    return value;
  }

  /** A tensor that nobody has named: constant when both steps used the same one. */
  #captured(ref: TensorRef, before: TensorRef | undefined): Value {
    const spec = specOf(ref);
    const value =
      before?.dataId === ref.dataId
        ? this.#constant(this.#read(ref) as Float32Array, spec)
        : this.#build.one('Stranger', {}, { captured: this.#values.size }, spec);
    this.#values.set(ref.dataId, value);
    return value;
  }

  #constant(values: ArrayLike<number> & ArrayBufferView, spec: Spec): Value {
    const [first] = [values[0]];
    let same = first !== undefined && Number.isFinite(first);
    for (let i = 1; same && i < values.length; i++) same = Object.is(values[i], first);
    return same ? this.#build.fill(first as number, spec) : this.#build.one('Constant', {}, { values }, spec);
  }
}

function sameValues(a: HostTensor['values'], b: HostTensor['values']): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}

function specOf({ shape, dtype }: TensorRef): Spec {
  return { shape, dtype: dtype as DType };
}

/** What in a graph keeps it from being compiled, whatever the engine. */
export function obstacleIn({ nodes }: Graph): Obstacle | undefined {
  for (const { op, attrs, at, outputs } of nodes) {
    if (op === 'Varying')
      return { what: `a tensor of ${attrs.size} values is made on the host with other values at each step`, at };
    if (op === 'Stranger') return { what: 'it uses a tensor that an earlier step has left behind', at };
    const odd = outputs.find(({ dtype }) => !['float32', 'int32', 'bool'].includes(dtype));
    if (odd !== undefined) return { what: `${op} gives a tensor of dtype ${odd.dtype}`, at };
  }
  return undefined;
}

/** An obstacle in words: what, and the line of code. */
export function obstacleText({ what, at }: Obstacle): string {
  const line = lineOf(at);
  return line === undefined ? what : `${what} (${line})`;
}
