/**
 * How many scalars per second the writer takes, and at what cost per call; indicative. After the build:
 * `node packages/tensorboard-logger-ts/bench/scalars.mjs`
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SummaryWriter } from '../dist/index.js';

const COUNT = 500_000;

/** Microseconds per call, with a turn of the event loop every `every` calls. */
async function measure(every) {
  const logDir = mkdtempSync(join(tmpdir(), 'scalars-'));
  const writer = new SummaryWriter(logDir);
  const start = performance.now();
  for (let step = 0; step < COUNT; step++) {
    writer.addScalar('train/loss', 1 / (step + 1), step);
    if (step % every === 0) await new Promise(setImmediate);
  }
  const added = performance.now() - start;
  await writer.close();
  const total = performance.now() - start;
  const bytes = statSync(writer.file).size / COUNT;
  rmSync(logDir, { recursive: true });
  return { micros: (1000 * added) / COUNT, perSecond: Math.round(COUNT / (total / 1000)), bytes: bytes.toFixed(1) };
}

await measure(1000);
for (const [name, every] of [
  ['yielding every 1000 calls', 1000],
  ['never yielding', Number.POSITIVE_INFINITY],
]) {
  const { micros, perSecond, bytes } = await measure(every);
  process.stdout.write(
    `${name}: ${micros.toFixed(2)} us per addScalar, ${perSecond} scalars/s on disk, ${bytes} bytes each\n`,
  );
}
