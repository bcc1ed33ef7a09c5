/** Runs the command line in this process and collects what it prints. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { run } from '../../src/cli/program.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `kelvin` with these arguments. */
export async function kelvin(...args: readonly string[]): Promise<Outcome> {
  const [stdout, stderr] = [stream(), stream()];
  const code = await run(args, { stdout, stderr });
  return { code, out: stdout.text(), err: stderr.text() };
}

function stream() {
  let written = '';
  return {
    columns: 100,
    write: (text: string) => {
      written += text;
      return true;
    },
    text: () => written,
  };
}

/** A directory that is removed when the file's tests are over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kelvin-cli-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a file of these lines and gives its path. */
export function fileOf(directory: string, name: string, ...lines: readonly string[]): string {
  const path = join(directory, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** Tiny data and a tiny network: a run takes a moment. */
export const TINY = [
  '--data',
  'digits',
  '--train-samples',
  '200',
  '--test-samples',
  '60',
  '--batch-size',
  '20',
] as const;
