/**
 * How long the embedded engine takes to start, `npm run check:start`: a process for each start, with one thread and with
 * several in turns. Fails when even the quickest takes longer than promised. `CLOCK=cpu` counts the processor time in place of
 * the time on the wall, which other programs disturb less.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startEngine } from 'kelvin';

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const MODES = [
  { name: 'one thread', env: { KELVIN_WASM: 'relaxed' }, limit: 150 },
  { name: 'several threads', env: { KELVIN_WASM: 'threads', KELVIN_THREADS: '2' }, limit: 350 },
] as const;

function now(): number {
  const { user, system } = process.cpuUsage();
  return process.env.CLOCK === 'cpu' ? (user + system) / 1000 : performance.now();
}

async function measure(): Promise<void> {
  const start = now();
  const { detail } = await startEngine({ engine: 'wasm' });
  process.send?.({ ms: now() - start, detail });
}

async function compare(): Promise<void> {
  const times = MODES.map((): number[] => []);
  const details: string[] = [];
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, { env }] of MODES.entries()) {
      const child = fork(fileURLToPath(import.meta.url), ['once'], { env: { ...process.env, ...env } });
      const [{ ms, detail }] = (await once(child, 'message')) as [{ ms: number; detail: string }];
      times[i]?.push(ms);
      details[i] = detail;
      await once(child, 'exit');
    }
  for (const [i, { name, limit }] of MODES.entries()) {
    const sorted = (times[i] as number[]).sort((a, b) => a - b);
    const [least, median] = [sorted[0] as number, sorted[ROUNDS >> 1] as number];
    console.log(`${name} (${details[i]}): median ${median.toFixed(0)} ms, least ${least.toFixed(0)} ms of ${limit}`);
    if (least > limit) process.exitCode = 1;
  }
}

await (process.argv[2] === 'once' ? measure() : compare());
