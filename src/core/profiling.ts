/** What the layers know of profilers. Types only; the profilers live in src/profilers. */
import type { RunStage } from './contracts.ts';

/** What an action is: the whole run, a part of the loop, a step of the module, a hook, waiting for data, saving, or yours. */
export type ActionKind = 'run' | 'loop' | 'step' | 'hook' | 'data' | 'checkpoint' | 'user';

/** A run that is profiled. */
export interface ProfiledRun {
  readonly stage: RunStage;
  /** The run's directory. Asked for late: a resumed run has that of the run it goes on from. */
  logDir(): string;
}

/** Measures how long actions take. */
export interface ProfilerLike {
  /** Runs `body` as an action and returns what it returns. A promise is measured until it is settled. */
  profile<T>(action: string, body: () => T): T;
  /** Begins an action that does not lie in one function. */
  start(action: string): void;
  /** Ends an action that {@link start} has begun. */
  stop(action: string): void;
  /** Begins an action. Returns what ends it. */
  begin(action: string, kind: ActionKind): () => void;
  /** A run of the trainer begins. */
  open?(run: ProfiledRun): void;
  /** It is over, also when it has failed: print or write what was measured. */
  close?(run: ProfiledRun): void;
}
