/** The profiler that measures nothing: what `trainer.profiler` is when none is asked for. */
import { Profiler } from './profiler.ts';

const NOTHING = (): void => {};

/** Measures nothing and costs nothing, so that `trainer.profiler.profile(…)` may stay in the code. */
export class PassThroughProfiler extends Profiler {
  begin(): () => void {
    return NOTHING;
  }

  override profile<T>(_action: string, body: () => T): T {
    return body();
  }
}
