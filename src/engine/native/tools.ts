/** Runs the programs that an install needs, and finds them: Python with pip, npm, a C++ compiler. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BackendError } from '../../core/errors.ts';

/** What came of a program. */
export interface Ran {
  /** undefined when it could not be started or was ended by a signal. */
  readonly status: number | undefined;
  readonly out: string;
  /** The last lines of what it wrote to stderr. */
  readonly err: string;
}

/** Runs a program to its end. Never throws. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err = (err + text).slice(-4000);
    });
    child.once('error', (error) => resolve({ status: undefined, out, err: error.message }));
    child.once('close', (status, signal) => {
      const ending = signal === null ? '' : `\nended by ${signal}`;
      resolve({ status: status ?? undefined, out, err: lastLines(err + ending) });
    });
  });
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-6).join('\n');

/** The Python that has pip. @throws BackendError `native-no-pip` */
export async function findPip(named: string | undefined): Promise<readonly [string, ...string[]]> {
  for (const python of named === undefined ? ['python3', 'python'] : [named]) {
    if ((await runProgram(python, ['-m', 'pip', '--version'])).status === 0) return [python, '-m', 'pip'];
  }
  throw new BackendError(`${named ?? 'python3'} has no pip, which fetches TensorFlow`, {
    code: 'native-no-pip',
    help: 'install it (Debian, Ubuntu: apt install python3-pip), name another with --python, or bring the wheel with --wheel',
  });
}

/** The C++ compiler: `CXX`, else g++, else clang++, and what it calls itself. @throws BackendError `native-no-compiler` */
export async function findCompiler(): Promise<{ command: string; version: string }> {
  const { CXX } = process.env;
  for (const command of CXX ? [CXX] : ['g++', 'clang++']) {
    const { status, out } = await runProgram(command, ['--version']);
    if (status === 0) return { command, version: out.split('\n', 1)[0] ?? command };
  }
  throw new BackendError(`${CXX || 'g++'} cannot be run, and the addon has to be compiled`, {
    code: 'native-no-compiler',
    help: 'install a C++ compiler (Debian, Ubuntu: apt install g++), or name yours in the environment variable CXX',
  });
}

/** npm as this Node brings it, else the one on the path. */
export function npmCommand(): readonly [string, ...string[]] {
  const { npm_execpath } = process.env;
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const script = [npm_execpath, beside].find(
    (path) => path !== undefined && /npm-cli\.js$/.test(path) && existsSync(path),
  );
  return script === undefined ? ['npm'] : [process.execPath, script];
}
