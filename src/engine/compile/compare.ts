/** Compares two recordings of a step: only when they took the same course is there something to compile. */
import type { HostTensor, KernelCall, Obstacle, Tape, TensorRef } from './tape.ts';

/** A step with names for what went into it and what came out of it. */
export interface RecordedStep {
  readonly tape: Tape;
  /** Tensors of the batch and the like, by name; names are the same at each step. */
  readonly inputs: ReadonlyMap<string, TensorRef>;
  /** What lasts from step to step, as it was before. */
  readonly states: ReadonlyMap<string, TensorRef>;
  /** The same states, as they are after it. */
  readonly updated: ReadonlyMap<string, TensorRef>;
  readonly outputs: ReadonlyMap<string, TensorRef>;
}

/** Where two recordings part; `undefined` when they took the same course. */
export function differenceOf(first: RecordedStep, second: RecordedStep): Obstacle | undefined {
  return new Comparison(first, second).difference();
}

/** Numbers each tensor of a step by where it came from. */
class Numbering {
  readonly #numbers = new Map<object, string>();

  constructor({ inputs, states }: RecordedStep) {
    for (const [name, { dataId }] of inputs) this.#numbers.set(dataId, `input ${name}`);
    for (const [name, { dataId }] of states) this.#numbers.set(dataId, `state ${name}`);
  }

  add(dataId: object, place: string): void {
    if (!this.#numbers.has(dataId)) this.#numbers.set(dataId, place);
  }

  of(dataId: object): string {
    return this.#numbers.get(dataId) ?? 'elsewhere';
  }
}

class Comparison {
  readonly #steps: readonly [RecordedStep, RecordedStep];

  constructor(first: RecordedStep, second: RecordedStep) {
    this.#steps = [first, second];
  }

  difference(): Obstacle | undefined {
    const [first, second] = this.#steps;
    const [a, b] = [first.tape.entries, second.tape.entries];
    const known = [new Numbering(first), new Numbering(second)] as const;
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const [one, other] = [a[i], b[i]];
      if (one === undefined || other === undefined || describe(one, known[0]) !== describe(other, known[1])) {
        const at = other ?? one;
        const name = at?.kind === 'kernel' ? at.name : 'a tensor from the host';
        return { what: `it takes another course from step to step, from ${name} on`, at: at?.at };
      }
      for (const [entry, numbers] of [
        [one, known[0]],
        [other, known[1]],
      ] as const) {
        const outputs = entry.kind === 'kernel' ? entry.outputs : [entry.output];
        for (const [j, { dataId }] of outputs.entries()) numbers.add(dataId, `${i}:${j}`);
      }
    }
    const names = ({ outputs, updated }: RecordedStep, numbers: Numbering): string =>
      [...outputs, ...updated].map(([name, { dataId }]) => `${name}=${numbers.of(dataId)}`).join();
    if (names(first, known[0]) === names(second, known[1])) return undefined;
    return { what: 'it gives back other things from step to step', at: undefined };
  }
}

/** An entry in words that are the same at each step. */
function describe(entry: KernelCall | HostTensor, numbers: Numbering): string {
  if (entry.kind === 'host') return `host ${specText(entry.output)}`;
  const inputs = Object.entries(entry.inputs).map(([name, ref]) => `${name}=${numbers.of(ref.dataId)}${specText(ref)}`);
  return `${entry.name}(${inputs})${JSON.stringify(withoutSeed(entry.attrs))}${entry.outputs.map(specText)}`;
}

const specText = ({ shape, dtype }: TensorRef): string => `${dtype}[${shape}]`;
const withoutSeed = ({ seed: _, ...attrs }: KernelCall['attrs']): object => attrs;
