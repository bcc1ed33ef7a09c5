/** Shares the runs of the experiment among processes: whichever is free takes the next run that can begin. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type Planned, TEACHER } from './experiment.ts';

/** What the processes are to do. */
export interface SharedWork {
  /** The runs that are still to be made. The one that others need must be among them, or done. */
  readonly runs: readonly Planned[];
  readonly processes: number;
  /** Starts the process of one run. */
  readonly start: (name: string) => ChildProcess;
}

/** Makes all runs; after one that fails, those that have begun are finished. Gives the first exit code that is not 0. */
export async function shareRuns({ runs, processes, start }: SharedWork): Promise<number> {
  const waiting = [...runs];
  const running = new Map<string, Promise<void>>();
  let failed = 0;
  const teacherIsOpen = () => [...waiting.map(({ name }) => name), ...running.keys()].includes(TEACHER);
  const begin = ({ name }: Planned) =>
    running.set(
      name,
      exitOf(start(name)).then((code) => {
        running.delete(name);
        failed ||= code;
      }),
    );
  for (;;) {
    const blocked = teacherIsOpen();
    const next = failed ? -1 : waiting.findIndex(({ needsTeacher }) => !(needsTeacher && blocked));
    if (next >= 0 && running.size < processes) begin(waiting.splice(next, 1)[0] as Planned);
    else if (running.size > 0) await Promise.race(running.values());
    else return failed;
  }
}

/** Starts this program again for one run, on one thread. Its lines appear here; signals are handed on to it. */
export function startRun(name: string, args: readonly string[]): ChildProcess {
  const env = { ...process.env, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', KELVIN_THREADS: '1' };
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
