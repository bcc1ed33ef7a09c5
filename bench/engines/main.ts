/**
 * The embedded engine as shipped, composed, and with the companion: `npm run bench:engines [models]`, as in `a b`. All
 * contestants are alive at once and take turns, so that the ratios hold on a busy machine; absolute times do not.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TaskName } from './models.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const STEPS: Readonly<Record<TaskName, number>> = { a: 2, b: 1, c: 1, s: 100 };
const RELAXED = ['--experimental-wasm-relaxed-simd'];

const VARIANTS: readonly { name: string; level?: string; flags?: string[] }[] = [
  { name: 'shipped' },
  { name: 'composed', level: 'composed' },
  { name: 'simd', level: 'simd' },
  { name: 'relaxed', level: 'relaxed', flags: Number(process.versions.node.split('.')[0]) < 22 ? RELAXED : [] },
];

interface Contestant {
  readonly name: string;
  readonly process: ChildProcess;
  readonly times: number[];
  failure?: string;
}

async function start(task: TaskName, { name, level = '', flags = [] }: (typeof VARIANTS)[number]): Promise<Contestant> {
  const script = fileURLToPath(new URL('train.ts', import.meta.url));
  const execArgv = [...process.execArgv, ...flags];
  const child = fork(script, [task, name], { execArgv, env: { ...process.env, KELVIN_WASM: level } });
  await once(child, 'message');
  return { name, process: child, times: [] };
}

async function run(contestant: Contestant, steps: number, counts: boolean): Promise<void> {
  if (contestant.failure !== undefined) return;
  contestant.process.send(steps);
  const [{ ms, failure }] = (await once(contestant.process, 'message')) as [{ ms: number; failure?: string }];
  if (failure !== undefined) contestant.failure = failure;
  else if (counts) contestant.times.push(ms);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

const given = process.argv.slice(2) as TaskName[];
for (const task of given.length > 0 ? given : (Object.keys(STEPS) as TaskName[])) {
  const contestants: Contestant[] = [];
  for (const variant of VARIANTS) contestants.push(await start(task, variant));
  for (let round = -1; round < ROUNDS; round++)
    for (const contestant of contestants) await run(contestant, STEPS[task], round >= 0);
  const base = contestants.find(({ name }) => name === 'composed') as Contestant;
  for (const { name, times, failure, process: child } of contestants) {
    const ratio = failure === undefined ? (median(base.times) / median(times)).toFixed(2) : failure;
    const ms = failure === undefined ? `${median(times).toFixed(2)} ms` : '';
    console.log(
      `(${task}) ${name.padEnd(9)} ${ms.padStart(12)}   ${ratio}${failure === undefined ? ' x composed' : ''}`,
    );
    child.kill();
  }
}
