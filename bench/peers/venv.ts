/** The Python in which the peers run: a virtual environment with what requirements.txt pins, made once and reused. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where it is made when no folder is named. */
export const defaultVenv = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kelvin', 'bench-peers');

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
/** Prints the versions; fails where one is missing. */
const VERSIONS = `
import importlib.metadata as m
print(', '.join(f'{p} {m.version(p)}' for p in ['torch', 'pytorch-lightning', 'tensorboard', 'jax', 'optax']))
`;

/** A Python that has the peers. Says on stderr what it does. */
export function pythonWithPeers(folder: string): { readonly python: string; readonly versions: string } {
  const python = join(folder, 'bin', 'python');
  const before = versionsOf(python);
  if (before !== undefined) return { python, versions: before };
  const isNew = !existsSync(folder);
  try {
    if (!existsSync(python)) run(process.env.PYTHON ?? 'python3', ['-m', 'venv', folder]);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]);
  } catch (error) {
    if (isNew) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const versions = versionsOf(python);
  if (versions === undefined) throw new Error(`pip has installed the peers, but ${python} does not find them`);
  return { python, versions };
}

function versionsOf(python: string): string | undefined {
  const { status, stdout } = spawnSync(python, ['-c', VERSIONS], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function run(command: string, args: readonly string[]): void {
  process.stderr.write(`${command} ${args.join(' ')}\n`);
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split('\n').slice(-3).join('\n');
  throw new Error(`The peers cannot be had: ${command} failed.\n${why}`);
}
