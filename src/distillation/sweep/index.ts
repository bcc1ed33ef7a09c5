/** Sweeps over sizes, tasks, temperatures and weights. */
export type { SweepPoint } from './grid.ts';
export { SweepReport } from './report.ts';
export type { SweepRow } from './rows.ts';
export type { SweepRun } from './run.ts';
export { runSweep, type SweepOptions, type SweepResult } from './sweep.ts';
