/** Amounts with units in the options of callbacks: epochs, steps, parts of the training. */
import {
  BackboneFinetuning,
  GradientAccumulationScheduler,
  HistogramMonitor,
  ImagePredictionLogger,
  NaNGuard,
  SGD,
  StochasticWeightAveraging,
  TemperatureCallback,
  Timer,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';

assertFileLeaksNothing();

async function trained(module: BoringModule, options: TrainerOptions, batches = 3) {
  const trainer = new Trainer({ ...bare, ...options });
  try {
    return { trainer, ...(await trainer.fit(module, boringLoader(batches))) };
  } finally {
    module.dispose();
  }
}

test.for([
  ['0.5dur', 6],
  ['0.34dur', 5],
  ['1dur', 12],
  ['2ep', 6],
  ['5st', 5],
] as const)('a Timer of %s stops a training of 12 steps after %i', async ([duration, steps]) => {
  expect(await trained(new BoringModule(), { maxEpochs: 4, callbacks: new Timer({ duration }) })).toMatchObject({
    steps,
  });
});

test('the backbone is unfrozen after a part of the training', async () => {
  class Fine extends BoringModule {
    readonly backbone = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    override forward(x: tf.Tensor): tf.Tensor {
      return this.net.apply(this.backbone.apply(x) as tf.Tensor) as tf.Tensor;
    }
    override configureOptimizers = () => new SGD(this.parameters(), { lr: 0.01 });
  }
  for (const unfreezeBackboneAtEpoch of ['0.5dur', '2ep', 2] as const) {
    const groups = collect('trainBatchEnd', (trainer) => trainer.optimizers[0]?.paramGroups.length);
    await trained(
      new Fine(),
      { maxEpochs: 4, callbacks: [new BackboneFinetuning({ unfreezeBackboneAtEpoch }), groups] },
      1,
    );
    expect(groups.seen).toEqual([1, 1, 2, 2]);
  }
});

test('accumulation changes at epochs with their unit, or after a part of the training', async () => {
  for (const later of ['0.5dur', '2ep', 2] as const) {
    const callbacks = new GradientAccumulationScheduler({ '0ep': 3, [later]: 1 });
    const { trainer, steps } = await trained(new BoringModule(), { maxEpochs: 4, callbacks });
    expect([steps, callbacks.batchesAt(1, 4), callbacks.batchesAt(2, 4)]).toEqual([8, 3, 1]);
    expect(trainer.status).toBe('finished');
  }
  const estimate = collect('trainStart', (trainer) => trainer.estimatedSteppingBatches);
  const callbacks = [new GradientAccumulationScheduler({ 0: 3, '0.5dur': 1 }), estimate];
  await trained(new BoringModule(), { maxEpochs: 4, callbacks });
  expect(estimate.seen).toEqual([8]);
});

class Warm extends BoringModule {
  temperature = 1;
}

test.for([
  [{}, 4],
  [{ epochs: '3ep' }, 3],
  [{ epochs: '0.5dur' }, 2],
  [{ interval: 'step' }, 12],
  [{ interval: 'step', epochs: '5st' }, 5],
  [{ interval: 'step', epochs: '2ep' }, 6],
  [{ interval: 'step', epochs: '0.25dur' }, 3],
  [{ interval: 'step', epochs: 7 }, 7],
] as const)('a temperature schedule with %o is spread over %i', async ([options, expected]) => {
  const counts = new Set<number>();
  const schedule = (_at: number, count: number): number => {
    counts.add(count);
    return 2;
  };
  await trained(new Warm(), { maxEpochs: 4, callbacks: new TemperatureCallback(schedule, options) });
  expect([...counts]).toEqual([expected]);
});

test('steps and epochs of other callbacks may have their unit; another unit is refused', async () => {
  new HistogramMonitor({ everyNSteps: '50st' });
  new NaNGuard({ everyNSteps: '10st' });
  new ImagePredictionLogger({ everyNEpochs: '2ep' });
  new StochasticWeightAveraging({ swaLrs: 0.1, annealingEpochs: '5ep' });
  const one = () => 1;
  const errors = {
    histogram: await messageFrom(() => new HistogramMonitor({ everyNSteps: '5ep' as never })),
    timer: await messageFrom(() => new Timer({ duration: '50%' as never })),
    backbone: await messageFrom(() => new BackboneFinetuning({ unfreezeBackboneAtEpoch: '5st' as never })),
    accumulation: await messageFrom(() => new GradientAccumulationScheduler({ '5st': 2 } as never)),
    schedule: await messageFrom(() => new TemperatureCallback(one, { epochs: '5ba' as never })),
    steps: await messageFrom(() => new TemperatureCallback(one, { epochs: '5st' })),
    endless: await messageFrom(() =>
      trained(new BoringModule(), { maxEpochs: -1, callbacks: new Timer({ duration: '0.5dur' }) }),
    ),
  };
  expect(errors).toMatchInlineSnapshot(`
    {
      "accumulation": "ConfigError [invalid-option] GradientAccumulationScheduler: option \`scheduling\`: expected an object from epochs, such as 4, '4ep' or '0.5dur', to counts of batches, at least 1: \`{ 0: 1, '4ep': 2 }\`, got {"5st":2} (object).",
      "backbone": "ConfigError [invalid-option] BackboneFinetuning: option \`unfreezeBackboneAtEpoch\`: expected an epoch, such as 5 or '5ep', or a part of the training, '0.25dur', got '5st' (string).",
      "endless": "ConfigError [fraction-of-unlimited-training] Timer: option \`duration\`: expected a count, since the training has no end to take a part of, got '0.5dur'.
      help: set \`maxEpochs\` or \`maxSteps\`",
      "histogram": "ConfigError [invalid-option] HistogramMonitor: option \`everyNSteps\`: expected a whole number of at least 1, or with its unit, such as '3st', got '5ep' (string).",
      "schedule": "ConfigError [invalid-option] TemperatureCallback: option \`epochs\`: expected a count of at least 1, such as 10, '10ep' or '500st', or a part of the training, such as '0.5dur', got '5ba' (string).",
      "steps": "ConfigError [invalid-option] TemperatureCallback: option \`epochs\`: expected epochs, such as '10ep', since the schedule counts epochs, got '5st' (string).
      help: add \`interval: 'step'\` for a schedule that counts optimizer steps",
      "timer": "ConfigError [invalid-option] Timer: option \`duration\`: expected a time such as '30min' or '90s', or '3ep', '200ba', '50st', '0.5dur', got '50%' (string).",
    }
  `);
});
