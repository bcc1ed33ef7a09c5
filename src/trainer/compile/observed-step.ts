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

  /** Records from here on, until the recording is detached. */
  constructor(session: Session, parts: ObservedParts) {
    this.#session = session;
    this.#parts = parts;
    this.#guards = Guards.of(session.module, parts.optimizers, undefined);
    this.recording = new StepRecording(parts.tensors, parts.places, parts.window);
  }

  /** What the step has shown, which has returned `output`. */
  finish(output: unknown): Observation {
    const { recording } = this;
    const { module, progress } = this.#session;
    const { optimizers, places, window } = this.#parts;
    const changed = this.#guards.broken();
    if (changed !== undefined) recording.refuse(`${changed} changes within the step`);
    return {
      step: recording.finish(output, window),
      logs: recording.logs,
      output: templateOf(output),
      places,
      guards: recording.asksForEpoch ? Guards.of(module, optimizers, () => progress.epoch) : this.#guards,
      draws: recording.draws,
    };
  }
}
