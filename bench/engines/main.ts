/**
 * The embedded engine as shipped and level by level: `npm run bench:engines [models]`, as in `a b`. All
 * contestants are alive at once and take turns, so that the ratios hold on a busy machine; absolute times do not.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TaskName } from './models.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 7);
/** How long a turn takes, in ms: some steps, so that threads are awake and on cores of their own. */
const TURN = 1000;
const TASKS: readonly TaskName[] = ['a', 'b', 'c', 's'];
const VARIANTS: readonly { name: string; level?: string; threads?: number }[] = [
  { name: 'shipped' },
  { name: 'composed', level: 'composed' },
  { name: 'simd', level: 'simd' },
  { name: 'relaxed', level: 'relaxed' },
  { name: '2 threads', level: 'threads', threads: 2 },
];

interface Contestant {
  readonly name: string;
  readonly process: ChildProcess;
  readonly times: number[];
  failure?: string;
}

async function start(
  task: TaskName,
  { name, level = '', threads = 1 }: (typeof VARIANTS)[number],
): Promise<Contestant> {
  const script = fileURLToPath(new URL('train.ts', import.meta.url));
  const env = { ...process.env, KELVIN_WASM: level, KELVIN_THREADS: String(threads) };
  const child = fork(script, [task, name], { env });
  await once(child, 'message');
  return { name, process: child, times: [] };
}

async function run(contestant: Contestant, counts: boolean): Promise<void> {
  if (contestant.failure !== undefined) return;
  contestant.process.send(TURN);
  const [{ ms, failure }] = (await once(contestant.process, 'message')) as [{ ms: number; failure?: string }];
  if (failure !== undefined) contestant.failure = failure;
  else if (counts) contestant.times.push(ms);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

const given = process.argv.slice(2) as TaskName[];
for (const task of given.length > 0 ? given : TASKS) {
  const contestants: Contestant[] = [];
  for (const variant of VARIANTS) contestants.push(await start(task, variant));
  for (let round = -1; round < ROUNDS; round++) for (const contestant of contestants) await run(contestant, round >= 0);
  const [shipped, composed] = contestants as [Contestant, Contestant];
  const base = shipped.failure === undefined ? shipped : composed;
  for (const { name, times, failure, process: child } of contestants) {
    const ratio = failure === undefined ? (median(base.times) / median(times)).toFixed(2) : failure;
    const ms = failure === undefined ? `${median(times).toFixed(2)} ms` : '';
    console.log(
      `(${task}) ${name.padEnd(9)} ${ms.padStart(12)}   ${ratio}${failure === undefined ? ` x ${base.name}` : ''}`,
    );
    child.kill();
  }
}
