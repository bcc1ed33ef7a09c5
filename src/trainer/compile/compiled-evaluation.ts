/**
 * Steps of validation, test and prediction, compiled as training steps are: the first two batches of a kind run eagerly
 * and are recorded. A step that cannot be compiled runs eagerly, and is named once.
 */
import type { LogHook } from '../../core/hooks.ts';
import { globalRandom } from '../../core/seed.ts';
import { disposeTensors } from '../../core/tensors.ts';
import type * as tf from '../../core/tf.ts';
import { type Emitter, obstacleText } from '../../engine/compile/index.ts';
import { AccumulationWindow } from '../accumulation.ts';
import type { Session } from '../session.ts';
import { partsOf } from './batch-shape.ts';
import { runPlan, type StepPlan } from './compiled-step.ts';
import { ObservedStep } from './observed-step.ts';
import { placesOf } from './places.ts';
import { MOST_REHEARSALS, type StepCache } from './step-cache.ts';
import type { StepRecording } from './step-recording.ts';

/** An evaluation outside of `fit` with fewer batches is over before compiling pays. */
const WORTH_COMPILING = 16;

/** Which step of which loader is evaluated on which batch. */
export interface Evaluated {
  readonly name: LogHook;
  /** How many batches the loader has. */
  readonly count: number;
  readonly batch: unknown;
  readonly batchIdx: number;
  readonly dataloaderIdx: number;
}

/** What evaluation shares with training. */
export interface EvaluationHost {
  readonly session: Session;
  readonly emitter: Emitter;
  cacheOf(key: string): StepCache | undefined;
  /** Says which recording is running. */
  observe(recording: StepRecording | undefined): void;
}

export class CompiledEvaluation {
  readonly #host: EvaluationHost;
  #givenUp = false;

  constructor(host: EvaluationHost) {
    this.#host = host;
  }

  /** Evaluates a batch. The output's tensors belong to the caller. */
  step({ name, count, batch, batchIdx, dataloaderIdx }: Evaluated, eagerly: () => unknown): unknown {
    if (this.#givenUp || (this.#host.session.stage !== 'fit' && count < WORTH_COMPILING)) return eagerly();
    const { tensors, signature } = partsOf(batch);
    const cache = this.#host.cacheOf(`${name} ${dataloaderIdx} ${signature}`);
    if (cache === undefined) return eagerly();
    for (let i = 0; i < MOST_REHEARSALS && !cache.ready && cache.awaitsRehearsal && !this.#givenUp; i++)
      if (!this.#rehearse(cache, tensors, name, eagerly)) return eagerly();
    const { desk } = this.#host.session;
    if (cache.ready) return runPlan(cache.plan as StepPlan, tensors, { batchIdx, desk });
    return this.#givenUp ? eagerly() : this.#record(cache, tensors, name, eagerly);
  }

  /** Records a step on trial. False when it failed: the real one will say why. */
  #rehearse(cache: StepCache, tensors: ReadonlyMap<string, tf.Tensor>, name: LogHook, eagerly: () => unknown): boolean {
    const { desk } = this.#host.session;
    const random = globalRandom().state();
    desk.deaf = true;
    try {
      disposeTensors(this.#record(cache, tensors, name, eagerly));
      return true;
    } catch {
      return false;
    } finally {
      desk.deaf = false;
      globalRandom().restore(random);
    }
  }

  #record(cache: StepCache, tensors: ReadonlyMap<string, tf.Tensor>, name: LogHook, eagerly: () => unknown): unknown {
    const { session, emitter, observe } = this.#host;
    const parts = { tensors, optimizers: [], places: placesOf([]), window: new AccumulationWindow() };
    const observed = new ObservedStep(session, parts);
    observe(observed.recording);
    let output: unknown;
    try {
      output = observed.recording.within(eagerly);
    } finally {
      observe(undefined);
      observed.recording.detach();
    }
    try {
      const obstacle = cache.add(observed.finish(output), emitter);
      if (obstacle !== undefined) {
        this.#givenUp = true;
        process.emitWarning(`\`${name}\` runs eagerly, not compiled: ${obstacleText(obstacle)}`);
      }
    } catch (error) {
      disposeTensors(output);
      throw error;
    }
    return output;
  }
}
