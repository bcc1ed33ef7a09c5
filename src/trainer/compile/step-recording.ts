/** One eager step under observation: what goes in, what comes out, what is logged, and what it leaves behind. */
import type { TrainerView } from '../../core/contracts.ts';
import { Random } from '../../core/random.ts';
import { globalRandom } from '../../core/seed.ts';
import * as tf from '../../core/tf.ts';
import { type Place, type RecordedStep, Recorder, refOf, type TensorRef } from '../../engine/compile/index.ts';
import type { AccumulationWindow } from '../accumulation.ts';
import type { LoggedValue } from '../log-desk.ts';
import { tensorsOf } from './output.ts';
import { WINDOW } from './window-sums.ts';

/** A value that the step logged. */
export interface RecordedLog extends Omit<LoggedValue, 'value'> {
  readonly value: number | TensorRef;
}

/** Parts of the trainer that change within an epoch: a step that asks for them is another one each time. */
const CHANGING = [
  ...['globalStep', 'globalBatch', 'loggedStep', 'isLastBatch', 'learningRates'],
  ...['callbackMetrics', 'loggedMetrics', 'progressBarMetrics'],
];

export class StepRecording {
  readonly logs: RecordedLog[] = [];
  /** The step asks for the number of the epoch. */
  asksForEpoch = false;
  readonly #recorder = new Recorder();
  readonly #inputs: ReadonlyMap<string, TensorRef>;
  readonly #states: ReadonlyMap<string, TensorRef>;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #finite: TensorRef[] = [];
  #active = false;

  constructor(tensors: ReadonlyMap<string, tf.Tensor>, places: ReadonlyMap<string, Place>, window: AccumulationWindow) {
    const sums = Object.entries(window.state().sums).map(([name, sum]) => [`${WINDOW}${name}`, refOf(sum)] as const);
    this.#inputs = new Map([...[...tensors].map(([name, tensor]) => [name, refOf(tensor)] as const), ...sums]);
    this.#places = places;
    this.#states = new Map([...places].map(([name, place]) => [name, refOf(place.read())]));
    this.#recorder.attach();
  }

  /** Runs a synchronous part of the step under observation. */
  within<T>(body: () => T): T {
    const before = globalRandom().state();
    const draws = this.#recorder.draws;
    this.#active = true;
    try {
      return this.#recorder.within(body);
    } finally {
      this.#active = false;
      const expected = new Random(0);
      expected.restore(before);
      for (let i = draws; i < this.#recorder.draws; i++) expected.skip(2);
      if (String(expected.state()) !== String(globalRandom().state()))
        this.#recorder.refuse('it draws random numbers on the host', undefined);
    }
  }

  /** Runs a part of the step that a compiled one does in a way of its own. */
  unseen<T>(body: () => T): T {
    return this.#recorder.unseen(body);
  }

  /** Notes what is logged within the step. */
  log({ value, ...logged }: LoggedValue): void {
    if (!this.#active) return;
    this.logs.push({ ...logged, value: value instanceof tf.Tensor ? refOf(value) : Number(value) });
  }

  /** The trainer as the module sees it: what the step asks of it is noted. */
  watch(view: TrainerView): TrainerView {
    if (!this.#active) return view;
    return new Proxy(view, {
      get: (target, key) => {
        if (key === 'currentEpoch') this.asksForEpoch = true;
        if (CHANGING.includes(String(key))) this.#recorder.refuse(`it asks for the trainer's \`${String(key)}\``);
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** Notes what keeps the step from being compiled: within it with the line of code, after it without. */
  refuse(what: string): void {
    if (this.#active) this.#recorder.refuse(what);
    else this.#recorder.refuse(what, undefined);
  }

  /** Notes a result that has to be finite, lest anything be updated. */
  mustBeFinite(value: tf.Scalar): void {
    this.#finite.push(refOf(value));
  }

  /** The names of these results among the outputs. */
  get finite(): string[] {
    return this.#finite.map((_, i) => `finite ${i}`);
  }

  /** Ends the observation, also of a step that failed. */
  detach(): void {
    this.#recorder.detach();
  }

  /** How many random masks the step has drawn. */
  get draws(): number {
    return this.#recorder.draws;
  }

  /** The whole step, once it is over and before its output is disposed of. */
  finish(output: unknown, window: AccumulationWindow): RecordedStep {
    const outputs = new Map(tensorsOf(output).map((tensor, i) => [`output ${i}`, refOf(tensor)]));
    for (const [i, { value }] of this.logs.entries()) if (typeof value !== 'number') outputs.set(`log ${i}`, value);
    for (const [i, ref] of this.#finite.entries()) outputs.set(`finite ${i}`, ref);
    for (const [name, sum] of Object.entries(window.state().sums)) outputs.set(`${WINDOW}${name}`, refOf(sum));
    const updated = new Map([...this.#places].map(([name, place]) => [name, refOf(place.read())]));
    this.#refuseLeftovers(new Set([...outputs.values(), ...updated.values()].map(({ dataId }) => dataId)));
    const tape = this.#recorder.tape();
    const given = [...tape.given].map(([name, { ref }]) => [name, ref] as const);
    const inputs = new Map([...this.#inputs, ...given]);
    return { tape, inputs, states: this.#states, updated, outputs };
  }

  /** A tensor that outlives the step and is none of its results is kept by somebody for later. */
  #refuseLeftovers(known: ReadonlySet<object>): void {
    const { tensorInfo } = tf.engine().state as unknown as { tensorInfo: { has(dataId: object): boolean } };
    for (const entry of this.#recorder.tape().entries) {
      if (entry.kind === 'host') continue;
      const kept = entry.outputs.find(({ dataId }) => !known.has(dataId) && tensorInfo.has(dataId));
      if (kept === undefined || this.#isSource(kept)) continue;
      this.#recorder.refuse(`it keeps a result of ${entry.name} for later`, entry.at);
      return;
    }
  }

  #isSource({ dataId }: TensorRef): boolean {
    for (const ref of [...this.#inputs.values(), ...this.#states.values()]) if (ref.dataId === dataId) return true;
    return false;
  }
}
