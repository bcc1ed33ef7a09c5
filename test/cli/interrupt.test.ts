/** Ctrl-C, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { TINY, temporaryDirectory } from './support.ts';

const directory = temporaryDirectory();
const root = fileURLToPath(new URL('../..', import.meta.url));

test.skipIf(process.platform === 'win32')(
  'Ctrl-C ends fit with 130, and what was trained is saved (skipped on Windows, which has no such signal)',
  async () => {
    const args = ['fit', ...TINY, '--hidden', '8', '--max-epochs', '100000', '--log-dir', directory];
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root });
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const before = printed;
      printed += text;
      const trains = /^epoch 2\//m;
      if (trains.test(printed) && !trains.test(before)) child.kill('SIGINT');
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect({ code, signal }, printed).toEqual({ code: 130, signal: null });
    const saved = join(directory, 'fit', 'version_0', 'checkpoints', 'last.ckpt');
    expect(printed).toContain(`Go on with: kelvin fit --resume ${saved}`);
    expect(existsSync(saved)).toBe(true);
  },
);
