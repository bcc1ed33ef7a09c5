/**
 * One way that a step can go: its recordings, and what was compiled of them. It is recorded twice; when a setting such as
 * the temperature changes it is recorded once more, and the numbers that differ are fed from then on.
 */
import { isDeepStrictEqual } from 'node:util';
import * as tf from '../../core/tf.ts';
import {
  type Emitter,
  type FedNumber,
  graphOf,
  numberKey,
  type Obstacle,
  obstacleIn,
  type Place,
  type Program,
  type RecordedStep,
  simplify,
  type TensorRef,
  TunedNumbers,
} from '../../engine/compile/index.ts';
import type { StepPlan } from './compiled-step.ts';
import type { Guards } from './guards.ts';
import type { Template } from './output.ts';
import type { RecordedLog } from './step-recording.ts';

/** A recorded step with all that belongs to it. */
export interface Observation {
  readonly step: RecordedStep;
  readonly logs: readonly RecordedLog[];
  readonly output: Template;
  readonly places: ReadonlyMap<string, Place>;
  readonly guards: Guards;
  readonly draws: number;
  /** Outputs without whose being finite nothing is updated. */
  readonly finite: readonly string[];
  /** Which of the optimizers took a step. */
  readonly stepped: readonly boolean[];
}

/** What a checkpoint holds of a step: how far it was recorded, and which numbers on its tape are fed. */
export interface StepCacheState {
  readonly recordings: number;
  readonly tuned: readonly number[];
}

/** A step that a setting has sent another way is recorded twice more. */
export const MOST_REHEARSALS = 3;

/** After so many recordings in a row that did not agree, a step is given up. */
const MOST_RECORDINGS = 6;

export class StepCache {
  plan: StepPlan | undefined;
  /** The names of the states that the step updates. */
  updated: ReadonlySet<string> = new Set();
  #guards: Guards | undefined;
  #last: Observation | undefined;
  #program: Program | undefined;
  readonly #tuned = new TunedNumbers();
  #recordings = 0;
  #compiled = false;

  /** How many recordings a resumed run has to make up for. */
  #missing: number;

  constructor(restored?: StepCacheState) {
    this.#missing = restored?.recordings ?? 0;
    for (const place of restored?.tuned ?? []) this.#tuned.tune(place, 0);
  }

  /** Compiled, and everything is as it was then. */
  get ready(): boolean {
    return this.plan !== undefined && this.changed() === undefined;
  }

  /** Whether the step has been found to have no side effects, so that it can be taken on trial: once it was compiled. */
  get awaitsRehearsal(): boolean {
    return this.#missing > 0 || this.#compiled;
  }

  /** For a checkpoint. */
  state(): StepCacheState {
    const recordings = this.#compiled ? 2 : Math.max(this.#missing, this.#last === undefined ? 0 : 1);
    return { recordings, tuned: this.#tuned.places };
  }

  /** What has changed since the step was compiled; `undefined` when it can be run as it is. */
  changed(): string | undefined {
    return this.#guards?.broken();
  }

  /** Takes in a recording. Returns what keeps the step from being compiled for good. */
  add(seen: Observation, emitter: Emitter): Obstacle | undefined {
    const before = this.#last;
    this.#last = seen;
    this.#missing = Math.max(0, this.#missing - 1);
    if (before === undefined) return seen.step.tape.obstacle;
    const retuning = before.guards.broken() !== undefined;
    const { step } = seen;
    const known = this.#tuned.size;
    this.#tuned.open = retuning;
    const result = graphOf(before.step, step, readCaptured, this.#tuned);
    if ('obstacle' in result) return result.obstacle;
    const changed =
      differentLog(before.logs, seen.logs, retuning) ?? differentOutput(before.output, seen.output, retuning);
    if ('differs' in result || changed !== undefined) {
      this.#drop();
      this.#recordings++;
      const what = 'differs' in result ? result.differs : (changed as Obstacle);
      return this.#recordings < MOST_RECORDINGS ? undefined : what;
    }
    this.#recordings = 0;
    if (this.#program !== undefined && this.#tuned.size === known) return this.#use(seen, this.#program);
    const graph = simplify(result.graph);
    const obstacle = obstacleIn(graph);
    if (obstacle !== undefined) return obstacle;
    const emitted = emitter.emit({ graph, places: seen.places, draws: seen.draws, finite: seen.finite });
    if ('obstacle' in emitted) return emitted.obstacle;
    this.#drop();
    this.updated = new Set(graph.updates.keys());
    return this.#use(seen, emitted.program);
  }

  dispose(): void {
    this.#drop();
    this.#last = undefined;
  }

  #use(seen: Observation, program: Program): undefined {
    const { tape, inputs } = seen.step;
    this.#program = program;
    this.#guards = seen.guards;
    this.#compiled = true;
    this.#tuned.retune(tape);
    const fed = [...tape.numbers.values(), ...this.#tuned.all()];
    const numbers = new Map<string, FedNumber>(fed.map((number) => [numberKey(number), number]));
    const nameOf = ({ dataId }: TensorRef): string =>
      [...inputs].find(([, ref]) => ref.dataId === dataId)?.[0] as string;
    const work = tape.work.map(({ tensors, work: run }) => ({ names: tensors.map(nameOf), run }));
    const given = [...tape.given].map(([name, { read }]) => [name, read] as const);
    const { draws, logs, output, stepped } = seen;
    this.plan = { program, numbers, draws, work, given, logs, output, stepped };
    return undefined;
  }

  #drop(): void {
    this.#program?.dispose();
    this.#program = undefined;
    this.#guards = undefined;
    this.plan = undefined;
  }
}

function readCaptured({ dataId }: TensorRef): ArrayBufferView {
  return tf.backend().readSync(dataId as tf.DataId) as ArrayBufferView & tf.backend_util.TypedArray;
}

/** Values that are no tensors must be logged the same at each step: they are not computed again. */
function differentLog(
  before: readonly RecordedLog[],
  after: readonly RecordedLog[],
  retuning: boolean,
): Obstacle | undefined {
  const keyOf = ({ hook, name }: RecordedLog): string => `${hook}.${name}`;
  if (before.map(keyOf).join() !== after.map(keyOf).join())
    return { what: 'it logs other values from step to step', at: undefined };
  const index = after.findIndex(({ value }, i) => typeof value === 'number' && !Object.is(value, before[i]?.value));
  if (index === -1 || retuning) return undefined;
  return { what: `it logs a number as '${after[index]?.name}' that changes from step to step`, at: undefined };
}

/** Nor are values that are no tensors and that the step gives back. */
function differentOutput(before: Template, after: Template, retuning: boolean): Obstacle | undefined {
  if (retuning || isDeepStrictEqual(before.value, after.value)) return undefined;
  return { what: 'it gives back a value that changes from step to step and is no tensor', at: undefined };
}
