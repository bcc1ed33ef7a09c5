/** The monitors that log what training costs: gradient norms, throughput, memory. */
import {
  type Callback,
  DeviceStatsMonitor,
  EarlyStopping,
  GradientNormMonitor,
  type Gradients,
  MemoryLogger,
  ThroughputMonitor,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** The training rows, with the values whose name begins with `prefix`. */
async function rowsOf(prefix: string, callbacks: readonly Callback[], flags: TrainerOptions = {}) {
  const logger = new MemoryLogger();
  await expectNoLeak(() => fitBoring(callbacks, { logger, logEveryNSteps: 1, ...flags }));
  return logger.rows
    .map(({ step, metrics }) => ({
      step,
      metrics: Object.fromEntries(Object.entries(metrics).filter(([name]) => name.startsWith(prefix))),
    }))
    .filter(({ metrics }) => Object.keys(metrics).length > 0);
}

describe('GradientNormMonitor', () => {
  test('logs the norm of each layer and of all, before clipping', async () => {
    const norms: number[] = [];
    const oracle: Callback = {
      onBeforeOptimizerStep: (_trainer, _module, _optimizer, gradients: Gradients) => {
        const values = Object.values(gradients).flatMap((gradient) => [...gradient.dataSync()]);
        norms.push(Math.hypot(...values));
      },
    };
    const rows = await rowsOf('grad_norm', [new GradientNormMonitor(), oracle], { gradientClipVal: 1e-3 });
    expect(rows.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    rows.forEach(({ metrics }, i) => {
      expect(Object.keys(metrics)).toEqual(['grad_norm/total', 'grad_norm/net.0']);
      expect(metrics['grad_norm/total']).toBeCloseTo(norms[i] as number, 5);
      expect(metrics['grad_norm/net.0']).toBeCloseTo(norms[i] as number, 5);
    });
  });

  test('only in steps that are logged, under a name of choice', async () => {
    const monitor = new GradientNormMonitor({ perLayer: false, prefix: 'g' });
    const rows = await rowsOf('g/', [monitor], { logEveryNSteps: 3, accumulateGradBatches: 2, maxEpochs: 4 });
    expect(rows.map(({ step, metrics }) => [step, Object.keys(metrics)])).toEqual([
      [2, ['g/total']],
      [5, ['g/total']],
    ]);
    expect(await rowsOf('g/', [monitor], { logEveryNSteps: 0 })).toEqual([]);
  });

  test('other callbacks may watch them', async () => {
    const monitor = 'grad_norm/total';
    const stop = new EarlyStopping({ monitor, stoppingThreshold: 1e9, checkOnTrainEpochEnd: true });
    await rowsOf('grad_norm', [new GradientNormMonitor(), stop]);
    expect(stop.reason).toContain('is better than');
  });

  test('wrong options', () => {
    expect(() => new GradientNormMonitor({ prefix: '' })).toThrow('option `prefix`: expected a non-empty string');
  });
});

describe('ThroughputMonitor', () => {
  /** A clock that stands still but for 100 ms a batch, and 10 s a validation. */
  function ticking(options = {}) {
    let now = 0;
    const monitor = new ThroughputMonitor({ ...options, clock: () => now });
    const clock: Callback = {
      onTrainBatchStart: () => {
        now += 100;
      },
      onValidationEpochStart: () => {
        now += 10_000;
      },
    };
    return [clock, monitor] as const;
  }

  test('counts batches and samples per second, without validation', async () => {
    const rows = await rowsOf('throughput', ticking());
    expect(rows[0]?.metrics).toEqual({ 'throughput/time': 0.1, 'throughput/batches': 1, 'throughput/samples': 4 });
    expect(rows.at(-1)?.metrics).toEqual({
      'throughput/time': 0.8,
      'throughput/batches': 8,
      'throughput/samples': 32,
      'throughput/batches_per_sec': 10,
      'throughput/samples_per_sec': 40,
    });
  });

  test('over a window, with a batch size of choice', async () => {
    const [clock, monitor] = ticking({ windowSize: 2, batchSize: () => 7 });
    await fitBoring([clock, monitor]);
    expect(monitor.batchesPerSecond).toBeCloseTo(10, 9);
    expect(monitor.samplesPerSecond).toBeCloseTo(70, 9);
  });

  test('a second fit and a resumed one go on counting', async () => {
    const callbacks = ticking();
    for (const batches of [8, 16]) {
      await fitBoring(callbacks);
      expect(callbacks[1].stateDict()).toEqual({ time: batches * 100, batches, samples: batches * 4 });
    }
    const [whole, resumed] = await wholeAndResumed(() => ticking(), {
      at: 5,
      outcome: (_, [, monitor]) => monitor?.stateDict?.(),
    });
    expect(resumed).toEqual(whole);
  });

  test('wrong options', () => {
    expect(() => new ThroughputMonitor({ windowSize: 1 })).toThrow(
      'option `windowSize`: expected a whole number of at least 2',
    );
  });
});

describe('DeviceStatsMonitor', () => {
  test('logs memory and processor time in the steps that are logged', async () => {
    const rows = await rowsOf('device', [new DeviceStatsMonitor()], { logEveryNSteps: 4 });
    expect(rows.map(({ step }) => step)).toEqual([3, 7]);
    for (const { metrics } of rows) {
      expect(Object.keys(metrics)).toEqual([
        'device/rss_mb',
        'device/heap_used_mb',
        'device/external_mb',
        'device/array_buffers_mb',
        'device/tensor_mb',
        'device/tensors',
        'device/cpu_percent',
      ]);
      expect(metrics['device/rss_mb']).toBeGreaterThan(metrics['device/heap_used_mb'] as number);
      expect(metrics['device/cpu_percent']).toBeGreaterThanOrEqual(0);
    }
  });

  test('a leak shows', async () => {
    const leaked: tf.Tensor[] = [];
    const leak: Callback = { onTrainBatchStart: () => void leaked.push(tf.zeros([1000])) };
    const logger = new MemoryLogger();
    await fitBoring([leak, new DeviceStatsMonitor({ cpu: false })], { logger, logEveryNSteps: 4, maxEpochs: 3 });
    const rows = logger.rows.filter(({ metrics }) => 'device/tensors' in metrics).map(({ metrics }) => metrics);
    expect((rows[2]?.['device/tensors'] as number) - (rows[1]?.['device/tensors'] as number)).toBe(4);
    expect((rows[2]?.['device/tensor_mb'] as number) - (rows[1]?.['device/tensor_mb'] as number)).toBeCloseTo(0.016, 6);
    expect(rows[0]).not.toHaveProperty('device/cpu_percent');
    tf.dispose(leaked);
  });

  test('wrong options', () => {
    expect(() => new DeviceStatsMonitor({ cpu: 1 as never })).toThrow(
      'option `cpu`: expected true or false, got 1 (number).',
    );
  });
});
