/**
 * Kelvin against PyTorch Lightning, PyTorch and JAX on the same training steps, `npm run bench:peers -- [options]`: all
 * contestants of a model are alive at once and take turns, batches ready in memory. Prints Markdown: ratios hold, absolute
 * times are the machine's.
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/core/errors.ts';
import { type Command, Contestant } from './contestant.ts';
import { GEMM, type Heat, head, limit, limitHead, rows, TITLES } from './table.ts';
import { defaultVenv, pythonWithPeers } from './venv.ts';

const USAGE = `npm run bench:peers -- [options]
  --models s,a,b,c     which models (all)
  --threads 1,2        which numbers of threads (1 and 2)
  --engine NAME        what Kelvin computes on: tensorflow or wasm (tensorflow)
  --peers NAMES        of lightning,eager,channels-last,compile,jax (all)
  --rounds N           turns of each contestant (8)
  --turn MS            how long a turn is (500)
  --venv DIR           a virtual environment that has the peers, or is to have them (${defaultVenv()})`;

const PEERS: Readonly<Record<string, { readonly title: string; readonly args: (model: string) => string[] }>> = {
  lightning: { title: 'PyTorch Lightning, defaults', args: (model) => ['lightning_peer.py', model] },
  eager: { title: 'PyTorch eager, fused Adam', args: (model) => ['torch_peer.py', model, 'eager'] },
  'channels-last': {
    title: 'PyTorch eager, channels last',
    args: (model) => ['torch_peer.py', model, 'channels-last'],
  },
  compile: { title: 'torch.compile, fused Adam', args: (model) => ['torch_peer.py', model, 'compile'] },
  jax: { title: 'JAX jit, optax', args: (model) => ['jax_peer.py', model] },
};

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** The first steps compile, on both sides. */
const WARM_STEPS = 8;

const ENGINES = { tensorflow: 'TensorFlow', wasm: 'the embedded engine' } as const;

interface Settings {
  readonly python: string;
  readonly engine: keyof typeof ENGINES;
  readonly peers: readonly string[];
  readonly rounds: number;
  readonly turn: number;
}

function commands(model: string, threads: number, { python, engine, peers }: Settings): Command[] {
  const count = String(threads);
  const env = {
    BENCH_THREADS: count,
    BENCH_ENGINE: engine,
    KELVIN_THREADS: count,
    OMP_NUM_THREADS: count,
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
  };
  const kelvin = (name: string, task: string): Command => {
    const args = ['--import', 'tsx', here('kelvin.ts'), task];
    // Kelvin as it is built: what a user runs.
    return { name, command: process.execPath, args, env: { ...env, TSX_TSCONFIG_PATH: here('tsconfig.json') } };
  };
  const peer = (name: string, [script, ...args]: string[]): Command => {
    return { name, command: python, args: [here(script as string), ...args], env };
  };
  const fit = peers.filter((name) => name !== 'channels-last' || 'bc'.includes(model));
  return [
    kelvin('Kelvin, defaults', model),
    ...fit.map((name) => peer(PEERS[name]?.title as string, PEERS[name]?.args(model) as string[])),
    kelvin(`${GEMM} of ${ENGINES[engine]}`, 'gemm'),
    peer(`${GEMM} of PyTorch`, ['torch_peer.py', model, 'gemm']),
  ];
}

/** All contestants on one model: they start together, then take turns. */
async function heat(model: string, threads: number, settings: Settings): Promise<Heat> {
  const contestants = commands(model, threads, settings).map((command) => new Contestant(command));
  try {
    await Promise.all(contestants.map((contestant) => contestant.start()));
    const { failure } = contestants[0] as Contestant;
    if (failure !== undefined) throw new Error(`Kelvin cannot take part on ${ENGINES[settings.engine]}. ${failure}`);
    for (const contestant of contestants) await contestant.turn(0, WARM_STEPS);
    for (let round = 0; round < settings.rounds; round++) {
      for (const contestant of contestants) {
        const ms = await contestant.turn(settings.turn, 2);
        if (ms !== undefined) contestant.times.push(ms);
      }
    }
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()));
  }
  return { model, threads, contestants };
}

/** The options, checked. */
function settingsOf(): { venv: string; models: string[]; threads: number[] } & Omit<Settings, 'python'> {
  const text = { type: 'string' } as const;
  const options = { models: text, threads: text, engine: text, peers: text, rounds: text, turn: text, venv: text };
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const list = (given: string | undefined, known: readonly string[], what: string): string[] => {
    const names = given?.split(',') ?? [...known];
    const odd = names.find((name) => !known.includes(name));
    if (odd !== undefined) throw new Error(`${what} ${odd} is not known: ${known.join(', ')}\n${USAGE}`);
    return names;
  };
  const counts = (values.threads ?? '1,2').split(',').map(Number);
  const rounds = Number(values.rounds ?? 8);
  const turn = Number(values.turn ?? 500);
  if (![...counts, rounds, turn].every((n) => Number.isInteger(n) && n > 0)) throw new Error(USAGE);
  return {
    venv: values.venv ?? defaultVenv(),
    models: list(values.models, Object.keys(TITLES), 'The model'),
    peers: list(values.peers, Object.keys(PEERS), 'The peer'),
    threads: counts,
    engine: list(values.engine ?? 'tensorflow', Object.keys(ENGINES), 'The engine')[0] as keyof typeof ENGINES,
    rounds,
    turn,
  };
}

async function main(): Promise<void> {
  const { venv, models, threads, ...settings } = settingsOf();
  const { python, versions } = pythonWithPeers(venv);
  const [cpu] = cpus();
  console.log(`${cpu?.model}, ${cpus().length} cores, Node ${process.versions.node}; ${versions}\n`);
  console.log(head());
  const limits: (string | undefined)[] = [];
  const absent = new Set<string>();
  for (const count of threads) {
    for (const model of models) {
      const result = await heat(model, count, { ...settings, python });
      console.log(rows(result));
      limits.push(limit(result));
      for (const { name, failure } of result.contestants)
        if (failure !== undefined) absent.add(`(${model}) ${name}: ${failure}`);
    }
  }
  console.log(`\n${limitHead()}\n${limits.filter((row) => row !== undefined).join('\n')}`);
  for (const line of absent) console.log(`\nNot taken part: ${line}`);
  if (absent.size > 0) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
