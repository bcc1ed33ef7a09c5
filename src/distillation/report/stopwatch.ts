/** Times models against each other: the latency of one sample and the throughput of a batch, warmed up and in turns. */
import * as tf from '../../core/tf.ts';

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
  /** Median and 95th percentile of the time for one sample, its result read back, in milliseconds. */
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  /** Samples per second in batches, from the median time of a batch. */
  readonly throughput: number;
}

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
  try {
    const single = await timesInTurns(models, one, { warmUp, runs });
    const batch = await timesInTurns(models, x, { warmUp: Math.ceil(warmUp / 4), runs: Math.ceil(runs / 4) });
    return models.map((_, i) => {
      const latencies = single[i] as number[];
      return {
        latencyP50Ms: percentile(latencies, 0.5),
        latencyP95Ms: percentile(latencies, 0.95),
        throughput: ((x.shape[0] as number) / percentile(batch[i] as number[], 0.5)) * 1000,
      };
    });
  } finally {
    one.dispose();
  }
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
