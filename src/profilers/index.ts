/** Profilers: the public names of this folder, which are also the subpath `kelvin/profilers`. */
export { ChromeTraceProfiler, type ChromeTraceProfilerOptions } from './chrome-trace-profiler.ts';
export { PassThroughProfiler } from './pass-through-profiler.ts';
export { Profiler } from './profiler.ts';
export { type ProfiledAction, SimpleProfiler, type SimpleProfilerOptions } from './simple-profiler.ts';
