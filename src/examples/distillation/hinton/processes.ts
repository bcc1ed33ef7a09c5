/** Shares the runs of the experiment among processes: the teacher first, on all threads; then one thread for each student. */
import { type ChildProcess, spawn } from 'node:child_process';
import { TEACHER } from './experiment.ts';

/** What the processes are to do. */
export interface SharedWork {
  /** The names of the runs that are still to be made. */
  readonly runs: readonly string[];
  readonly processes: number;
  /** Starts the process of one run. */
  readonly start: (name: string, threads: number) => ChildProcess;
}

/** Makes all runs; after one that fails, those that have begun are finished. Gives the first exit code that is not 0. */
export async function shareRuns({ runs, processes, start }: SharedWork): Promise<number> {
  let failed = runs.includes(TEACHER) ? await exitOf(start(TEACHER, processes)) : 0;
  const waiting = runs.filter((name) => name !== TEACHER);
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined && failed === 0; name = waiting.shift()) {
      const code = await exitOf(start(name, 1));
      failed ||= code;
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return failed;
}

/** Starts this program again for one run. Its lines appear here; signals are handed on to it. */
export function startRun(name: string, threads: number, args: readonly string[]): ChildProcess {
  const intraop = { TF_NUM_INTRAOP_THREADS: `${threads}`, KELVIN_THREADS: `${threads}` };
  const env = { ...process.env, ...intraop, TF_NUM_INTEROP_THREADS: '1' };
  const program = [...process.execArgv, process.argv[1] as string, ...args, '--run', name];
  const child = spawn(process.execPath, program, { env, stdio: ['ignore', 'inherit', 'pipe'] });
  child.stderr?.pipe(process.stderr); // through a pipe: several progress bars on one screen would overwrite one another
  const stop = () => void child.kill('SIGINT');
  const waitForIt = () => {}; // a terminal tells all processes of Ctrl-C
  process.on('SIGTERM', stop).on('SIGINT', waitForIt);
  child.once('exit', () => process.off('SIGTERM', stop).off('SIGINT', waitForIt));
  return child;
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code ?? 130)));
