/** What holds for every callback: defaults, two fits, resume, no leaks, a state key of its own. */
import { type Callback, metrics, type TrainerOptions, tf } from 'kelvin';
import * as callbacks from 'kelvin/callbacks';
import { describe, expect, test } from 'vitest';
import { fitBoring, freshDirectory, wholeAndResumed } from '../callbacks/support.ts';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

interface Entry {
  /** A callback with options that let it do something in a short run. */
  readonly make: () => Callback;
  /** Whether it can be made without options. */
  readonly defaults: boolean;
  /** Its state has times in it, which differ from run to run. */
  readonly timed?: boolean;
  readonly flags?: TrainerOptions;
}

const nowhere = { write: () => true };
const drawsNothing = { logMetrics: () => {}, useWriter: () => {} };
const loader = (size: number) => boringLoader(Math.ceil(16 / size), size);

/** A module with a backbone, and with a teacher. */
class Layered extends BoringModule {
  readonly backbone = tf.sequential({
    layers: [tf.layers.dense({ units: 2, inputShape: [2], kernelInitializer: 'identity' })],
  });
  override lr = 0.01;

  override forward(x: tf.Tensor): tf.Tensor {
    return super.forward(this.backbone.apply(x) as tf.Tensor);
  }

  teach(x: tf.Tensor): tf.Tensor {
    return super.forward(x);
  }
}

const REGISTRY: Readonly<Record<string, Entry>> = {
  BackboneFinetuning: {
    make: () => new callbacks.BackboneFinetuning({ unfreezeBackboneAtEpoch: 1 }),
    defaults: true,
  },
  BatchSizeFinder: { make: () => new callbacks.BatchSizeFinder({ loader, maxTrials: 2 }), defaults: false },
  ConfusionMatrixLogger: {
    make: () => new callbacks.ConfusionMatrixLogger(),
    defaults: true,
    flags: { logger: drawsNothing },
  },
  DeviceStatsMonitor: { make: () => new callbacks.DeviceStatsMonitor(), defaults: true },
  EMAWeightAveraging: { make: () => new callbacks.EMAWeightAveraging({ decay: 0.8 }), defaults: true },
  EarlyStopping: { make: () => new callbacks.EarlyStopping({ monitor: 'val_loss' }), defaults: false },
  GradientAccumulationScheduler: {
    make: () => new callbacks.GradientAccumulationScheduler({ 0: 2, 1: 3 }),
    defaults: false,
  },
  GradientNormMonitor: { make: () => new callbacks.GradientNormMonitor(), defaults: true },
  EpochMetricLogger: {
    make: () => new callbacks.EpochMetricLogger({ ece: new metrics.CalibrationError() }),
    defaults: false,
  },
  HistogramMonitor: {
    make: () => new callbacks.HistogramMonitor({ everyNSteps: 2, gradients: true }),
    defaults: true,
    flags: { logger: drawsNothing },
  },
  ImagePredictionLogger: {
    make: () => new callbacks.ImagePredictionLogger(),
    defaults: true,
    flags: { logger: drawsNothing },
  },
  LambdaCallback: { make: () => new callbacks.LambdaCallback({ onTrainEnd: () => {} }), defaults: false },
  LearningRateFinder: { make: () => new callbacks.LearningRateFinder({ numTraining: 15, maxLr: 0.3 }), defaults: true },
  LearningRateMonitor: {
    make: () => new callbacks.LearningRateMonitor(),
    defaults: true,
    flags: { logger: { logMetrics: () => {} } },
  },
  ModelCheckpoint: {
    make: () => new callbacks.ModelCheckpoint({ dirPath: freshDirectory() }),
    defaults: true,
    timed: true, // its paths lie in a directory of its own
    flags: { enableCheckpointing: true },
  },
  ModelSummary: { make: () => new callbacks.ModelSummary({ stream: nowhere }), defaults: true },
  NaNGuard: { make: () => new callbacks.NaNGuard(), defaults: true },
  OnExceptionCheckpoint: {
    make: () => new callbacks.OnExceptionCheckpoint({ dirPath: freshDirectory() }),
    defaults: true,
  },
  OutputCollector: { make: () => new callbacks.OutputCollector({ onEpochEnd: () => {} }), defaults: false },
  PredictionWriter: { make: () => new callbacks.PredictionWriter({ writeBatch: () => {} }), defaults: false },
  ProgressBar: {
    make: () => new callbacks.ProgressBar({ stream: nowhere }),
    defaults: true,
    flags: { enableProgressBar: true },
  },
  RestoreBest: { make: () => new callbacks.RestoreBest({ monitor: 'val_loss', mode: 'max' }), defaults: false },
  SpikeDetection: { make: () => new callbacks.SpikeDetection({ onSpike: () => {} }), defaults: true },
  StochasticWeightAveraging: {
    make: () => new callbacks.StochasticWeightAveraging({ swaLrs: 0.02, swaEpochStart: 2 }),
    defaults: false,
  },
  TeacherAgreement: { make: () => new callbacks.TeacherAgreement(), defaults: true },
  ThroughputMonitor: { make: () => new callbacks.ThroughputMonitor(), defaults: true, timed: true },
  Timer: { make: () => new callbacks.Timer({ duration: '1d' }), defaults: true, timed: true },
};

test('every callback is registered here', () => {
  const classes = Object.entries(callbacks).filter(
    ([name, value]) => typeof value === 'function' && /^[A-Z]/.test(name),
  );
  expect(classes.map(([name]) => name).sort()).toEqual(Object.keys(REGISTRY).sort());
});

describe.for(Object.entries(REGISTRY))('%s', ([name, { make, defaults, timed = false, flags = {} }]) => {
  const Callback = (callbacks as unknown as Record<string, new (options?: object) => Callback>)[name] as new (
    options?: object,
  ) => Callback;

  test('can be made without options, or says what it needs', () => {
    if (defaults) expect(new Callback()).toBeInstanceOf(Callback);
    else if (name !== 'LambdaCallback') expect(() => new Callback()).toThrow(`${name}`);
    expect(() => new Callback({ nonsense: 1 })).toThrow(
      new RegExp(`^${name}.*(nonsense|loader|swaLrs|monitor|epochs|onEpochEnd)`),
    );
  });

  test('serves two fits and leaks nothing', async () => {
    const callback = make();
    for (let i = 0; i < 2; i++) {
      await expectNoLeak(() => fitBoring(callback, { ...flags, detectLeaks: 'error' }, { module: new Layered() }));
    }
  });

  test('leaks nothing when training throws', async () => {
    const trap: Callback = {
      onTrainBatchEnd: ({ globalBatch }) => {
        if (globalBatch === 6) throw new Error('broken');
      },
    };
    await expectNoLeak(() =>
      expect(fitBoring([make(), trap], flags, { module: new Layered() })).rejects.toThrow('broken'),
    );
  });

  test.for([3, 8, 10])('a run broken after batch %i and resumed equals one that went through', async (at) => {
    const [whole, resumed] = await wholeAndResumed(() => [make()], {
      at,
      flags,
      module: () => new Layered(),
      outcome: (module, [callback]) => [module.weights(), timed ? undefined : callback?.stateDict?.()],
    });
    expect(resumed).toEqual(whole);
  });

  test('what it saves is plain data that it takes back', async () => {
    const callback = make();
    await fitBoring(callback, flags, { module: new Layered() });
    if (callback.stateDict === undefined) return;
    const state = callback.stateDict();
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(() => make().loadStateDict?.(state)).not.toThrow();
  });
});

test('no two of them save their state under the same key', () => {
  const keys = Object.values(REGISTRY)
    .map(({ make }) => make())
    .filter((callback) => callback.stateDict !== undefined)
    .map((callback) => callback.stateKey ?? callback.constructor.name);
  expect(new Set(keys).size).toBe(keys.length);
});

test('all that get along with one another work together', async () => {
  const apart = [
    'BackboneFinetuning',
    'BatchSizeFinder',
    'LearningRateMonitor',
    'ModelCheckpoint',
    'StochasticWeightAveraging',
  ];
  const together = Object.keys(REGISTRY).filter((name) => !apart.includes(name));
  const all = () => together.map((name) => (REGISTRY[name] as Entry).make());
  await expectNoLeak(async () => {
    const [whole, resumed] = await wholeAndResumed(all, {
      at: 7,
      flags: { logger: drawsNothing, enableProgressBar: true },
      module: () => new Layered(),
      outcome: (module) => module.weights(),
    });
    expect(resumed).toEqual(whole);
  });
});
