/** The numbers that a step is fed: how they are named, and those that are fed because a setting has changed. */
import type { NumberSource } from '../../core/recording.ts';
import type { FedNumber, HostTensor, Tape } from './tape.ts';

const sourceKeys = new WeakMap<object, number>();
let sources = 0;

/** A name for a fed number: its source and what it is there. */
export function numberKey({ source, name }: { source: object; name: string }): string {
  let key = sourceKeys.get(source);
  if (key === undefined) {
    key = sources++;
    sourceKeys.set(source, key);
  }
  return `${key}/${name}`;
}

/**
 * Numbers that the host computes of values which change now and then, such as a temperature: constants until they differ,
 * fed from then on. By the place of their tensors on the tape.
 */
export class TunedNumbers implements NumberSource {
  /** Settings have changed between two recordings: numbers that differ join in. */
  open = false;
  readonly #values = new Map<string, number>();

  values(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#values);
  }

  /** The name of the number at a place of the tape, which it is given a value for. */
  tune(place: number, value: number): string {
    const name = String(place);
    this.#values.set(name, value);
    return name;
  }

  /** Takes the values of another recording of the same step. */
  retune({ entries }: Tape): void {
    for (const name of this.#values.keys()) {
      const entry = entries[Number(name)] as HostTensor;
      this.#values.set(name, entry.values[0] as number);
    }
  }

  /** The places of all of them on the tape. */
  get places(): number[] {
    return [...this.#values.keys()].map(Number);
  }

  /** How many there are. */
  get size(): number {
    return this.#values.size;
  }

  /** All of them, as what is fed. */
  all(): FedNumber[] {
    return [...this.#values.keys()].map((name) => ({ source: this, name }));
  }

  /** Whether a number is fed: it was before, or settings have changed and it with them. */
  takes(place: number, same: boolean): boolean {
    return this.#values.has(String(place)) || (this.open && !same);
  }
}
