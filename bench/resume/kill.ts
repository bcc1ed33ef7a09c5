/**
 * Kills training processes and has others go on, until one comes through; then compares what is left of it all with a run
 * that was never stopped. Moments are counted in events of the run, which are drawn from a seeded stream; some kills wait
 * for a checkpoint that is being written.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Random } from 'kelvin';
import { readScalars } from 'tensorboard-logger-ts';

/** What run.ts tells of a run that came through. */
export interface RunResult {
  readonly status: string;
  readonly epochs: number;
  readonly steps: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** The bytes of each variable, base64. */
  readonly weights: readonly string[];
  /** The directories of the loggers. */
  readonly csv: string;
  readonly tensorBoard: string;
}

/** Everything that must not differ. */
export interface Outcome extends Omit<RunResult, 'csv' | 'tensorBoard'> {
  readonly csv: string;
  readonly scalars: Readonly<Record<string, readonly (readonly [step: number, value: number])[]>>;
}

/** Where a run was killed. */
export type Place = 'validation' | 'open window' | 'elsewhere';
const PLACES: Readonly<Record<string, Place>> = { v: 'validation', o: 'open window' };

/** When to kill: after so many events, or at the first temporary file after them. */
export interface Moment {
  readonly events: number;
  readonly whileWriting: boolean;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = fileURLToPath(new URL('run.ts', import.meta.url));

/** Starts or continues the run in a directory. Returns the number of its events; `killed` is false when it came through. */
export async function runOnce(
  directory: string,
  moment?: Moment,
): Promise<{ events: number; killed: boolean; place: Place }> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, directory], { cwd: root });
  let events = 0;
  let place = '';
  let errors = '';
  let watching: (() => void) | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdout.on('data', (bytes: Buffer) => {
    events += bytes.length;
    place = bytes.toString('latin1').at(-1) ?? place;
    if (moment === undefined || events < moment.events) return;
    if (!moment.whileWriting) child.kill('SIGKILL');
    else watching ??= atTemporaryFile(directory, () => void child.kill('SIGKILL'));
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...ending) => resolve(ending));
  });
  watching?.();
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`The run failed (${code ?? signal}):\n${errors}`);
  return { events, killed: signal === 'SIGKILL', place: PLACES[place] ?? 'elsewhere' };
}

/** Calls `act` when the next temporary file of a checkpoint appears. */
function atTemporaryFile(directory: string, act: () => void): () => void {
  const runs = join(directory, 'tb');
  const newest = existsSync(runs) ? readdirSync(runs).sort().at(-1) : undefined;
  if (newest === undefined) return () => {};
  const checkpoints = join(runs, newest, 'checkpoints');
  mkdirSync(checkpoints, { recursive: true });
  const watcher = watch(checkpoints, (_event, name) => {
    if (name?.endsWith('.tmp')) act();
  });
  return () => watcher.close();
}

/** What has come of the run in a directory. */
export async function outcomeOf(directory: string): Promise<Outcome> {
  const result = JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8')) as RunResult;
  const { csv, tensorBoard, ...rest } = result;
  const scalars = Object.entries(await readScalars(tensorBoard)).map(([tag, points]) => [
    tag,
    points.map(({ step, value }) => [step, value] as const),
  ]);
  return {
    ...rest,
    csv: readFileSync(join(csv, 'metrics.csv'), 'utf8'),
    scalars: Object.fromEntries(scalars) as Outcome['scalars'],
  };
}

/** Kills and continues the run in a directory until it comes through. Returns the moments at which it was killed. */
export async function killUntilDone(
  directory: string,
  { random, events, atMost }: { random: Random; events: number; atMost: number },
): Promise<(Moment & { place: Place })[]> {
  const moments: (Moment & { place: Place })[] = [];
  for (;;) {
    const moment = { events: 1 + random.integer(Math.floor(events / 2)), whileWriting: random.uniform() < 0.3 };
    const { killed, place } = await runOnce(directory, moments.length < atMost ? moment : undefined);
    if (!killed) return moments;
    moments.push({ ...moment, place });
  }
}
