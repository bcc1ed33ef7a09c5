/**
 * Training steps, compiled where that can be done: the first ones run eagerly and are recorded; from then on a step is one
 * call of the engine. A step that cannot be compiled runs eagerly, and is named.
 */
import type { StepOutput, TrainerView } from '../../core/contracts.ts';
import { ConfigError } from '../../core/errors.ts';
import { batchSizeOf, disposeTensors, share } from '../../core/tensors.ts';
import type * as tf from '../../core/tf.ts';
import { type Emitter, emitterHere, NonFiniteStep, obstacleText } from '../../engine/compile/index.ts';
import { currentEngine } from '../../engine/start.ts';
import { RuleOptimizer } from '../../optim/rule-optimizer.ts';
import { nonFiniteLoss } from '../loss.ts';
import type { Session } from '../session.ts';
import { partsOf } from './batch-shape.ts';
import { CompiledEvaluation } from './compiled-evaluation.ts';
import { runPlan } from './compiled-step.ts';
import { ObservedStep } from './observed-step.ts';
import { lossOutput } from './output.ts';
import { placeName, placesOf, sharedPlaces } from './places.ts';
import { notCompiled, obstacleOf } from './refusals.ts';
import { rememberStep } from './rollback.ts';
import { MOST_REHEARSALS, StepCache, type StepCacheState } from './step-cache.ts';
import type { StepRecording } from './step-recording.ts';
import { WINDOW, withSums } from './window-sums.ts';

/** As many kinds of batches are compiled for; others run eagerly. */
const MOST_STEPS = 32;

/** What changes at more steps in a row is a value of the step and no setting. */
const MOST_CHANGES = 6;

/** The compiled steps in a checkpoint, by what they are compiled for. */
export type CompiledState = Readonly<Record<string, StepCacheState>>;

/** What the trainer was told: whether a step that cannot be compiled is an error. */
export type CompileOption = 'auto' | boolean;

/**
 * Compiled steps for a session, where the option and the engine allow them. Evaluation on its own has those of
 * evaluation, which run eagerly where they cannot be compiled.
 *
 * @throws ConfigError `not-compiled` in `fit` with `true` on an engine that compiles nothing
 */
export function compiledTraining(session: Session): CompiledTraining | undefined {
  const { stage, options } = session;
  const { compile, detectAnomaly } = options;
  if (compile === false || detectAnomaly) return undefined;
  const emitter = emitterHere();
  if (emitter !== undefined) return new CompiledTraining(session, emitter, compile);
  if (compile === true && stage === 'fit')
    throw notCompiled(`the engine '${currentEngine()?.name}' has no compiled steps`);
  return undefined;
}

export class CompiledTraining {
  readonly #session: Session;
  readonly #emitter: Emitter;
  readonly #option: CompileOption;
  readonly #caches = new Map<string, StepCache>();
  readonly #restored: CompiledState;
  /** Evaluation steps of the same fit. */
  readonly evaluation: CompiledEvaluation;
  #recording: StepRecording | undefined;
  /** Steps in a row before each of which a setting had changed. */
  #changes = 0;
  #givenUp = false;

  constructor(session: Session, emitter: Emitter, option: CompileOption) {
    this.#session = session;
    this.#emitter = emitter;
    this.#option = option;
    this.#restored = session.restoredSteps;
    this.evaluation = new CompiledEvaluation({
      session,
      emitter,
      cacheOf: (key) => this.#cacheOf(key),
      observe: (recording) => {
        this.#recording = recording;
      },
    });
    session.desk.tap = (logged) => this.#recording?.log(logged);
  }

  /** Trains on one batch, by one call where that step has been compiled: at once then, else by `eagerly`. */
  train(
    batch: unknown,
    batchIdx: number,
    isLast: boolean,
    eagerly: () => Promise<StepOutput>,
  ): StepOutput | Promise<StepOutput> {
    if (this.#givenUp) return eagerly();
    const obstacle = obstacleOf(this.#session);
    if (obstacle !== undefined) {
      this.#giveUp(obstacle);
      return eagerly();
    }
    const { tensors, signature } = partsOf(batch);
    const phase = this.#phase(isLast);
    const cache = this.#cacheOf(`${phase.name} ${signature}`);
    if (cache === undefined) return eagerly();
    const run = (): StepOutput => this.#run(cache, tensors, { batch, batchIdx, closes: phase.closes });
    const changed = cache.changed();
    if (changed === undefined) this.#changes = 0;
    else if (++this.#changes > MOST_CHANGES) {
      this.#giveUp(`${changed} changes from step to step`);
      return eagerly();
    }
    return changed === undefined && cache.plan !== undefined ? run() : this.#prepare(cache, tensors, run, eagerly);
  }

  /** Takes a step that has not been compiled yet, or that is not what it was. */
  async #prepare(
    cache: StepCache,
    tensors: ReadonlyMap<string, tf.Tensor>,
    run: () => StepOutput,
    eagerly: () => Promise<StepOutput>,
  ): Promise<StepOutput> {
    if (!this.#session.optimization.all.every(({ optimizer }) => optimizer.stepCount > 0)) return eagerly();
    for (let i = 0; i < MOST_REHEARSALS && cache.awaitsRehearsal && !this.#givenUp; i++) {
      if (!(await this.#rehearse(cache, tensors, eagerly))) return eagerly();
      if (cache.ready) return run();
    }
    return this.#givenUp ? eagerly() : this.#record(cache, tensors, eagerly);
  }

  /** What a resumed run has to do again to go on with the same steps. */
  state(): CompiledState {
    return Object.fromEntries([...this.#caches].map(([key, cache]) => [key, cache.state()]));
  }

  /** Runs a synchronous part of an eager step, which is recorded where it is to be. */
  within<T>(body: () => T): T {
    return this.#recording === undefined ? body() : this.#recording.within(body);
  }

  /** The trainer as the module sees it within a step. */
  watch(view: TrainerView): TrainerView {
    return this.#recording === undefined ? view : this.#recording.watch(view);
  }

  /** Brings all states back to their variables and frees the compiled steps. */
  dispose(): void {
    this.#session.restoredSteps = this.state();
    for (const cache of this.#caches.values()) cache.dispose();
    this.#caches.clear();
    this.#session.desk.tap = undefined;
  }

  /** Where in its accumulation window a batch is. */
  #phase(isLast: boolean): { readonly name: string; readonly closes: boolean } {
    const { window, windowBatch, accumulateGradBatches } = this.#session;
    const closes = windowBatch + 1 >= accumulateGradBatches || isLast;
    const opens = window.batches === 0;
    const single = opens && (accumulateGradBatches === 1 || isLast);
    return { name: `${single ? 'single' : opens ? 'opens' : 'goes on'}${closes ? ', closes' : ''}`, closes };
  }

  #run(
    cache: StepCache,
    tensors: ReadonlyMap<string, tf.Tensor>,
    { batch, batchIdx, closes }: { batch: unknown; batchIdx: number; closes: boolean },
  ): StepOutput {
    const session = this.#session;
    const { window, desk, progress } = session;
    const inputs = window.batches === 0 ? tensors : withSums(tensors, window.state().sums);
    const sums: Record<string, tf.Tensor> = {};
    const gather = (name: string, tensor: tf.Tensor): void => {
      if (name.startsWith(WINDOW)) sums[name.slice(WINDOW.length)] = share(tensor);
    };
    const take = closes ? undefined : gather;
    const samples = batchSizeOf(batch) ?? 1;
    window.expect(samples);
    let output: StepOutput;
    try {
      output = runPlan(cache.plan as NonNullable<StepCache['plan']>, inputs, { batchIdx, desk, take });
    } catch (error) {
      window.forget(samples);
      throw error instanceof NonFiniteStep ? nonFiniteLoss(session, batchIdx, 'NaN or infinite') : error;
    }
    session.windowBatch++;
    if (!closes) {
      window.replace(sums);
      return output;
    }
    window.clear();
    session.windowBatch = 0;
    progress.closedWindows++;
    for (const { optimizer } of session.optimization.all) {
      if (!(optimizer instanceof RuleOptimizer)) continue;
      optimizer.countStep((param) => cache.updated.has(placeName(param)));
    }
    progress.optimizerStep++;
    return output;
  }

  #cacheOf(key: string): StepCache | undefined {
    const known = this.#caches.get(key);
    if (known !== undefined || this.#caches.size >= MOST_STEPS) return known;
    const cache = new StepCache(this.#restored[key]);
    this.#caches.set(key, cache);
    return cache;
  }

  /** Takes a step, records it, and takes it back. Returns false when it failed: the real one will say why. */
  async #rehearse(
    cache: StepCache,
    tensors: ReadonlyMap<string, tf.Tensor>,
    eagerly: () => Promise<StepOutput>,
  ): Promise<boolean> {
    const { desk } = this.#session;
    const putBack = rememberStep(this.#session);
    desk.deaf = true;
    try {
      disposeTensors(await this.#record(cache, tensors, eagerly));
      return true;
    } catch (error) {
      if (error instanceof ConfigError && error.code === 'not-compiled') throw error;
      return false;
    } finally {
      desk.deaf = false;
      putBack();
    }
  }

  async #record(
    cache: StepCache,
    tensors: ReadonlyMap<string, tf.Tensor>,
    eagerly: () => Promise<StepOutput>,
  ): Promise<StepOutput> {
    const { optimization, window, options } = this.#session;
    const optimizers = optimization.all.map(({ optimizer }) => optimizer);
    const places = placesOf(optimizers);
    if (sharedPlaces(places)) return eagerly();
    const observed = new ObservedStep(this.#session, { tensors, optimizers, places, window });
    this.#recording = observed.recording;
    let output: StepOutput;
    try {
      output = await eagerly();
    } finally {
      this.#recording = undefined;
      observed.recording.detach();
    }
    if (output.loss === undefined) return output; // the batch was skipped
    try {
      const watched = options.terminateOnNaN ? lossOutput(output) : undefined;
      const obstacle = cache.add(observed.finish(output), this.#emitter, watched);
      if (obstacle !== undefined) this.#giveUp(obstacleText(obstacle));
      return output;
    } catch (error) {
      disposeTensors(output);
      throw error;
    }
  }

  /** From now on steps run eagerly. */
  #giveUp(why: string): void {
    this.#givenUp = true;
    for (const cache of this.#caches.values()) cache.dispose();
    this.#caches.clear();
    if (this.#option === true) throw notCompiled(why);
    process.emitWarning(`The training step runs eagerly, not compiled: ${why}`);
  }
}
