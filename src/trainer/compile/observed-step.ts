/** One eager step under observation, of training or of evaluation: what is noted before it, and what it has shown. */
import type * as tf from '../../core/tf.ts';
import type { Place } from '../../engine/compile/index.ts';
import type { Optimizer } from '../../optim/index.ts';
import type { AccumulationWindow } from '../accumulation.ts';
import type { Session } from '../session.ts';
import { Guards } from './guards.ts';
import { templateOf } from './output.ts';
import type { Observation } from './step-cache.ts';
import { StepRecording } from './step-recording.ts';

/** What the step works on. */
export interface ObservedParts {
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
  readonly optimizers: readonly Optimizer[];
  readonly places: ReadonlyMap<string, Place>;
  readonly window: AccumulationWindow;
}

export class ObservedStep {
  readonly recording: StepRecording;
  readonly #session: Session;
  readonly #parts: ObservedParts;
  readonly #guards: Guards;
  /** Steps of each optimizer before this one. */
  readonly #counts: readonly number[];
  readonly #rates: string;

  /** Records from here on, until the recording is detached. */
  constructor(session: Session, parts: ObservedParts) {
    this.#session = session;
    this.#parts = parts;
    this.#guards = Guards.of(session.module, parts.optimizers, undefined);
    this.#counts = parts.optimizers.map(({ stepCount }) => stepCount);
    this.#rates = this.#ratesNow();
    this.recording = new StepRecording(parts.tensors, parts.places, parts.window);
  }

  /** An optimizer has taken its first step, in which it has made its state: no later one is like it. */
  get isFirstOfAny(): boolean {
    return this.#parts.optimizers.some(({ stepCount }, i) => this.#counts[i] === 0 && stepCount > 0);
  }

  /** What the step has shown, which has returned `output`. */
  finish(output: unknown): Observation {
    const { recording } = this;
    const { module, progress } = this.#session;
    const { optimizers, places, window } = this.#parts;
    const changed = this.#guards.broken();
    if (changed !== undefined) recording.refuse(`${changed} changes within the step`);
    else if (this.#ratesNow() !== this.#rates)
      recording.refuse("an optimizer's options or a scheduler change within the step");
    const steps = optimizers.map(({ stepCount }, i) => stepCount - (this.#counts[i] as number));
    const often = steps.findIndex((count) => count > 1);
    if (often >= 0) recording.refuse(`${optimizers[often]?.type} steps ${steps[often]} times within the step`);
    return {
      step: recording.finish(output, window),
      logs: recording.logs,
      output: templateOf(output),
      places,
      guards: recording.asksForEpoch ? Guards.of(module, optimizers, () => progress.epoch) : this.#guards,
      draws: recording.draws,
      finite: recording.finite,
      stepped: steps.map((count) => count > 0),
    };
  }

  /** Learning rates and what else is set for the optimizers, and where their schedulers stand. */
  #ratesNow(): string {
    if (this.#parts.optimizers.length === 0) return '';
    const { schedulers } = this.#session.optimization;
    const options = this.#parts.optimizers.map(({ paramGroups }) => paramGroups.map(({ params, ...rest }) => rest));
    return JSON.stringify([options, schedulers.map(({ scheduler }) => scheduler.stateDict())]);
  }
}
