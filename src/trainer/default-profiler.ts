/** The profiler that the flag `profiler` means. */
import type { ProfilerLike } from '../core/profiling.ts';
import { ChromeTraceProfiler, PassThroughProfiler, SimpleProfiler } from '../profilers/index.ts';
import type { ResolvedTrainerOptions } from './options.ts';

/** Without one, a profiler that measures nothing: `trainer.profiler.profile(…)` is always there. */
export function makeProfiler({ profiler }: Pick<ResolvedTrainerOptions, 'profiler'>): ProfilerLike {
  if (profiler === 'simple') return new SimpleProfiler();
  if (profiler === 'chrome') return new ChromeTraceProfiler();
  return profiler === false ? new PassThroughProfiler() : profiler;
}
