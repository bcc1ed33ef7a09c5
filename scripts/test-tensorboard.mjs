/**
 * `npm run test:tensorboard`: what tensorboard-logger-ts writes, held against the real TensorBoard. Makes a Python
 * environment (TENSORBOARD_VENV, default in the system's temporary directory), installs tensorboard where pip can, asks
 * reader and server, and takes pictures of the tabs where there is a Chromium. What cannot be done is said and skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scripts = 'packages/tensorboard-logger-ts/scripts';
const venv = process.env.TENSORBOARD_VENV ?? join(tmpdir(), 'kelvin-tensorboard-venv');
const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const pictures = process.env.TENSORBOARD_PICTURES ?? join(tmpdir(), 'kelvin-tensorboard-pictures');
const browser = process.env.CHROMIUM ?? '/usr/bin/chromium';

const run = (command, ...args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;
const skip = (what) => process.stdout.write(`SKIPPED: ${what}\n`);

if (
  !hasTensorBoard() &&
  !(run('python3', '-m', 'venv', venv) && run(python, '-m', 'pip', 'install', '-q', '--retries', '0', 'tensorboard'))
) {
  skip('pip cannot install tensorboard here; nothing was checked');
} else {
  let passed = run('npm', 'run', 'build', '-w', 'tensorboard-logger-ts');
  passed = passed && run(python, `${scripts}/verify-with-tensorboard.py`);
  if (!existsSync(browser)) skip(`no Chromium at ${browser} (set CHROMIUM); no tab was looked at`);
  else passed = run(process.execPath, `${scripts}/screenshots.mjs`, python, pictures) && passed;
  process.exitCode = passed ? 0 : 1;
}

function hasTensorBoard() {
  return spawnSync(python, ['-c', 'import tensorboard'], { stdio: 'ignore' }).status === 0;
}
