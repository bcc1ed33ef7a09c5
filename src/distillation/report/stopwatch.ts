/**
 * Times models against each other: the latency of one sample and the throughput of a batch, warmed up and in turns. Where the
 * engine can, a forward pass is one call of it, as a network is run that is put to use; else layer by layer.
 */
import * as tf from '../../core/tf.ts';
import { type CompiledForward, compileForward } from '../../engine/compile/index.ts';

/** A forward pass; what it returns is disposed of by the caller. */
export type Forward = (x: tf.Tensor) => tf.Tensor;

/** What is timed. */
export interface Timed {
  readonly forward: Forward;
  /** Awaited before `forward`, within the time. */
  readonly prepare?: ((batch: { readonly x: tf.Tensor }) => void | Promise<void>) | undefined;
}

/** How long to measure. */
export interface TimingOptions {
  /** Forward passes per model before anything is timed. */
  readonly warmUp: number;
  /** Timed forward passes per model, of one sample and of a batch each. */
  readonly runs: number;
}

/** What was measured of one model. */
export interface Timing {
  /** Whether its forward pass was one compiled call. */
  readonly compiled: boolean;
  /** Median and 95th percentile of the time for one sample, its result read back, in milliseconds. */
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  /** Samples per second in batches, from the median time of a batch. */
  readonly throughput: number;
}

/** Of models with fewer timed passes the layers are run one by one: compiling would take longer. */
const WORTH_COMPILING = 16;

/** Models take turns in rounds of so many runs, so that a busy moment of the machine hits all of them. */
const RUNS_PER_ROUND = 10;

/**
 * Measures models in turns.
 *
 * @param x a batch; its first sample is the one whose latency is measured
 */
export async function timeModels(
  models: readonly Timed[],
  x: tf.Tensor,
  { warmUp, runs }: TimingOptions,
): Promise<Timing[]> {
  const one = tf.tidy(() => tf.slice(x, 0, 1));
  const worth = runs >= WORTH_COMPILING;
  try {
    const single = await measured(models, one, { warmUp, runs }, worth);
    const times = { warmUp: Math.ceil(warmUp / 4), runs: Math.ceil(runs / 4) };
    const batch = await measured(models, x, times, single.compiled);
    return models.map(({ prepare }, i) => {
      const latencies = single.times[i] as number[];
      return {
        compiled: single.compiled && prepare === undefined,
        latencyP50Ms: percentile(latencies, 0.5),
        latencyP95Ms: percentile(latencies, 0.95),
        throughput: ((x.shape[0] as number) / percentile(batch.times[i] as number[], 0.5)) * 1000,
      };
    });
  } finally {
    one.dispose();
  }
}

/** Compiled are all of them or none: anything else would compare engines. What asks another runtime stays as it is. */
async function measured(models: readonly Timed[], x: tf.Tensor, timing: TimingOptions, compile: boolean) {
  const programs = compile ? compileAll(models, x) : undefined;
  try {
    const timed = models.map((model, i) => {
      const program = programs?.[i];
      return program === undefined ? model : { forward: (input: tf.Tensor) => program.run(input) };
    });
    return { compiled: programs !== undefined, times: await timesInTurns(timed, x, timing) };
  } finally {
    for (const program of programs ?? []) program?.dispose();
  }
}

/** A program for each model that is no source of answers; undefined where one of them cannot be compiled. */
function compileAll(models: readonly Timed[], x: tf.Tensor): (CompiledForward | undefined)[] | undefined {
  const programs: (CompiledForward | undefined)[] = [];
  for (const { forward, prepare } of models) {
    const program = prepare === undefined ? compileForward(forward, x) : undefined;
    programs.push(program);
    if (program !== undefined || prepare !== undefined) continue;
    for (const other of programs) other?.dispose();
    return undefined;
  }
  return programs;
}

async function timesInTurns(models: readonly Timed[], x: tf.Tensor, timing: TimingOptions): Promise<number[][]> {
  const times: number[][] = models.map(() => []);
  for (let done = 0; done < timing.runs; done += RUNS_PER_ROUND) {
    for (const [i, model] of models.entries()) {
      // The first pass of a turn finds another model's weights in the processor's cache.
      for (let run = 0; run < (done === 0 ? timing.warmUp : 1); run++) await timeOnce(model, x);
      const left = Math.min(RUNS_PER_ROUND, timing.runs - done);
      for (let run = 0; run < left; run++) times[i]?.push(await timeOnce(model, x));
    }
  }
  return times;
}

/** Milliseconds from the call until the result is in the program's hands. */
async function timeOnce({ forward, prepare }: Timed, x: tf.Tensor): Promise<number> {
  const start = performance.now();
  await prepare?.({ x });
  const result = tf.tidy(() => forward(x));
  try {
    await result.data();
    return performance.now() - start;
  } finally {
    result.dispose();
  }
}

/** The smallest of `values` that at least the share `p` of them does not exceed. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] as number;
}
