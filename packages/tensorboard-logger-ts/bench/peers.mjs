/**
 * This writer against those of PyTorch and tensorboardX: the same scalars (one tag, one million by default) into one file,
 * in turns, so that what else the machine does falls on all of them. After the build:
 * `node packages/tensorboard-logger-ts/bench/peers.mjs <python with torch and tensorboardX> [count] [rounds]`
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SummaryWriter } from '../dist/index.js';

const [python = 'python3', count = '100000', rounds = '5'] = process.argv.slice(2);

const PROGRAM = `
import sys, time
from %s import SummaryWriter
writer = SummaryWriter(sys.argv[1])
writer.add_scalar("warm", 0.0, 0)
start = time.perf_counter()
for step in range(int(sys.argv[2])):
    writer.add_scalar("train/loss", 1 / (step + 1), step)
added = time.perf_counter() - start
writer.close()
print(added, time.perf_counter() - start)
`;

const writers = {
  'tensorboard-logger-ts': ours,
  'torch.utils.tensorboard': (dir) => theirs('torch.utils.tensorboard', dir),
  tensorboardX: (dir) => theirs('tensorboardX', dir),
};

const times = Object.fromEntries(Object.keys(writers).map((name) => [name, []]));
for (let round = 0; round <= Number(rounds); round++) {
  for (const [name, write] of Object.entries(writers)) {
    const dir = mkdtempSync(join(tmpdir(), 'writers-'));
    const took = await write(dir);
    rmSync(dir, { recursive: true });
    // The first round warms up.
    if (round > 0) times[name].push(took);
  }
}
const [reference] = Object.values(times).map((runs) => median(runs.map(([, total]) => total)));
for (const [name, runs] of Object.entries(times)) {
  const [added, total] = [0, 1].map((i) => median(runs.map((run) => run[i])));
  const rate = Math.round(Number(count) / total);
  process.stdout.write(
    `${name.padEnd(24)} ${((1e6 * added) / Number(count)).toFixed(2)} us per call, ${rate} scalars/s on disk, ${(total / reference).toFixed(1)} x our time\n`,
  );
}

async function ours(dir) {
  const writer = new SummaryWriter(dir);
  writer.addScalar('warm', 0, 0);
  const start = performance.now();
  for (let step = 0; step < Number(count); step++) {
    writer.addScalar('train/loss', 1 / (step + 1), step);
    // A training loop yields from time to time; without that the writer would write while it is called.
    if (step % 1000 === 999) await new Promise(setImmediate);
  }
  const added = performance.now() - start;
  await writer.close();
  return [added / 1000, (performance.now() - start) / 1000];
}

function theirs(module, dir) {
  const result = spawnSync(python, ['-c', PROGRAM.replace('%s', module), dir, count], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stdout.trim().split(' ').map(Number);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
