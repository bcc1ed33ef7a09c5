/**
 * Training steps, compiled where that can be done: the first ones run eagerly and are recorded; from then on a step is one
 * call of the engine. A step that cannot be compiled runs eagerly, and is named.
 */
import type { StepOutput, TrainerView } from '../../core/contracts.ts';
import { ConfigError } from '../../core/errors.ts';
import type { StepWork } from '../../core/step-work.ts';
import { disposeTensors } from '../../core/tensors.ts';
import type * as tf from '../../core/tf.ts';
import { type Emitter, emitterHere, obstacleText } from '../../engine/compile/index.ts';
import { currentEngine } from '../../engine/start.ts';
import type { Session } from '../session.ts';
import { partsOf } from './batch-shape.ts';
import { CompiledEvaluation } from './compiled-evaluation.ts';
import { ObservedStep } from './observed-step.ts';
import { phaseOf } from './phase.ts';
import { placesOf, sharedPlaces } from './places.ts';
import { notCompiled, obstacleOf } from './refusals.ts';
import { rememberStep } from './rollback.ts';
import { MOST_REHEARSALS, StepCache, type StepCacheState } from './step-cache.ts';
import type { StepRecording } from './step-recording.ts';
import { runCompiled } from './training-run.ts';

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

/** What it takes to record a step. */
interface Attempt {
  readonly cache: StepCache;
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
  readonly works: readonly StepWork[];
  readonly eagerly: () => Promise<StepOutput>;
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
    const phase = phaseOf(this.#session, isLast);
    const cache = this.#cacheOf(`${phase.name} ${signature}`);
    if (cache === undefined) return eagerly();
    const run = (): StepOutput => runCompiled(this.#session, cache, phase, { batch, batchIdx, tensors });
    const attempt: Attempt = { cache, tensors, works: phase.works, eagerly };
    const changed = cache.changed();
    if (changed === undefined) this.#changes = 0;
    else if (++this.#changes > MOST_CHANGES) {
      this.#giveUp(`${changed} changes from step to step`);
      return eagerly();
    }
    return changed === undefined && cache.plan !== undefined ? run() : this.#prepare(attempt, run);
  }

  /** Takes a step that has not been compiled yet, or that is not what it was. */
  async #prepare(attempt: Attempt, run: () => StepOutput): Promise<StepOutput> {
    const { cache, eagerly } = attempt;
    if (!this.#session.optimization.all.some(({ optimizer }) => optimizer.stepCount > 0)) return eagerly();
    for (let i = 0; i < MOST_REHEARSALS && cache.awaitsRehearsal && !this.#givenUp; i++) {
      if (!(await this.#rehearse(attempt))) return eagerly();
      if (cache.ready) return run();
    }
    return this.#givenUp ? eagerly() : this.#record(attempt);
  }

  /** What a resumed run has to do again to go on with the same steps. */
  state(): CompiledState {
    return Object.fromEntries([...this.#caches].map(([key, cache]) => [key, cache.state()]));
  }

  /** Runs a synchronous part of an eager step, which is recorded where it is to be. */
  within<T>(body: () => T): T {
    return this.#recording === undefined ? body() : this.#recording.within(body);
  }

  /** Notes what within a step keeps it from being compiled. */
  refuse(what: string): void {
    this.#recording?.refuse(what);
  }

  /** Looks at a loss within the step. In a compiled one it is the graph that looks. */
  checkLoss(loss: tf.Scalar, look: () => void): void {
    this.#recording?.mustBeFinite(loss);
    if (this.#recording === undefined) look();
    else this.#recording.unseen(look);
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

  #cacheOf(key: string): StepCache | undefined {
    const known = this.#caches.get(key);
    if (known !== undefined || this.#caches.size >= MOST_STEPS) return known;
    const cache = new StepCache(this.#restored[key]);
    this.#caches.set(key, cache);
    return cache;
  }

  /** Takes a step, records it, and takes it back. Returns false when it failed: the real one will say why. */
  async #rehearse(attempt: Attempt): Promise<boolean> {
    const { desk } = this.#session;
    const putBack = rememberStep(this.#session);
    desk.deaf = true;
    try {
      disposeTensors(await this.#record(attempt));
      return true;
    } catch (error) {
      if (error instanceof ConfigError && error.code === 'not-compiled') throw error;
      return false;
    } finally {
      desk.deaf = false;
      putBack();
    }
  }

  async #record({ cache, tensors, works, eagerly }: Attempt): Promise<StepOutput> {
    const { optimization, window, options, progress, module } = this.#session;
    const optimizers = optimization.all.map(({ optimizer }) => optimizer);
    const places = placesOf(optimizers, works);
    if (sharedPlaces(places)) return eagerly();
    const observed = new ObservedStep(this.#session, { tensors, optimizers, places, window });
    const stepsBefore = progress.optimizerStep;
    this.#recording = observed.recording;
    let output: StepOutput;
    try {
      output = await eagerly();
      if (progress.optimizerStep > stepsBefore)
        this.within(() => works.forEach((work) => void work.run(progress.optimizerStep)));
    } finally {
      this.#recording = undefined;
      observed.recording.detach();
    }
    const skipped = module.automaticOptimization && output.loss === undefined;
    if (skipped || observed.isFirstOfAny) return output;
    try {
      if (options.terminateOnNaN && output.loss !== undefined) observed.recording.mustBeFinite(output.loss);
      const obstacle = cache.add(observed.finish(output), this.#emitter);
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
