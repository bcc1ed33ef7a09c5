/**
 * Engines against themselves, `npm run bench:engines [engine] [models]`, as in `tensorflow a b`: the embedded one as
 * shipped and level by level; native TensorFlow with tfjs's own optimizer and loss on tfjs-node as shipped,
 * Kelvin's on the same, and Kelvin's on the direct kernels; WebGPU with tfjs's optimizer and loss, and with Kelvin's. All contestants are alive at once and take turns, so that the
 * ratios hold on a busy machine; absolute times do not.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TaskName } from './models.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 7);
/** How long a turn takes, in ms: some steps, so that threads are awake and on cores of their own. */
const TURN = 1000;
const TASKS: readonly TaskName[] = ['a', 'b', 'c', 's'];

interface Variant {
  readonly name: string;
  /** tfjs's own optimizer and loss, or Kelvin's. */
  readonly how: 'shipped' | 'kelvin';
  readonly env?: Readonly<Record<string, string>>;
}

const SHIPPED = { KELVIN_TENSORFLOW: 'shipped' };

/** The first of each is what the others are compared with. */
const VARIANTS: Readonly<Record<'wasm' | 'tensorflow' | 'webgpu', readonly Variant[]>> = {
  wasm: [
    { name: 'composed', how: 'kelvin', env: { KELVIN_WASM: 'composed' } },
    { name: 'shipped', how: 'shipped' },
    { name: 'simd', how: 'kelvin', env: { KELVIN_WASM: 'simd' } },
    { name: 'relaxed', how: 'kelvin', env: { KELVIN_WASM: 'relaxed' } },
    { name: '2 threads', how: 'kelvin', env: { KELVIN_WASM: 'threads', KELVIN_THREADS: '2' } },
  ],
  tensorflow: [
    { name: 'tfjs-node', how: 'shipped', env: SHIPPED },
    { name: 'its kernels', how: 'kelvin', env: SHIPPED },
    { name: 'direct', how: 'kelvin' },
  ],
  webgpu: [
    { name: 'tfjs', how: 'shipped' },
    { name: 'kelvin', how: 'kelvin' },
  ],
};

interface Contestant {
  readonly name: string;
  readonly process: ChildProcess;
  readonly times: number[];
  failure?: string;
}

async function start(task: TaskName, { name, how, env = {} }: Variant): Promise<Contestant> {
  const script = fileURLToPath(new URL('train.ts', import.meta.url));
  const child = fork(script, [task, engine, how], { env: { ...process.env, ...env } });
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  if (message !== 'ready') throw new Error(`${name} did not start`);
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

const [engine, ...given] = (
  (process.argv[2] ?? '') in VARIANTS ? process.argv.slice(2) : ['wasm', ...process.argv.slice(2)]
) as [keyof typeof VARIANTS, ...TaskName[]];
for (const task of given.length > 0 ? given : TASKS) {
  const contestants: Contestant[] = [];
  for (const variant of VARIANTS[engine]) contestants.push(await start(task, variant));
  for (let round = -1; round < ROUNDS; round++) for (const contestant of contestants) await run(contestant, round >= 0);
  const [base] = contestants as [Contestant];
  for (const { name, times, failure, process: child } of contestants) {
    const ratio = failure === undefined ? (median(base.times) / median(times)).toFixed(2) : failure;
    const ms = failure === undefined ? `${median(times).toFixed(2)} ms` : '';
    console.log(
      `(${task}) ${name.padEnd(11)} ${ms.padStart(12)}   ${ratio}${failure === undefined ? ` x ${base.name}` : ''}`,
    );
    child.kill();
  }
}
