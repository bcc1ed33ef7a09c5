/** Flags that look into a run or attach something to it: §1.1 of reference/lightning.md. */
import { MemoryLogger, ProgressBar, startEngine, Trainer, type TrainerOptions, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { quiet } from '../callbacks/support.ts';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

/** What a fit says whose loss goes through `spoil` in its third batch. */
const anomalyOf = (spoil: (loss: tf.Tensor) => tf.Tensor, options: TrainerOptions = {}): Promise<string> =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    const own = module.trainingStep;
    module.trainingStep = (batch) => {
      const loss = own.call(module, batch);
      return module.trainer.globalBatch === 2 ? spoil(loss) : loss;
    };
    const flags = { ...bare, barebones: false, ...quiet, maxEpochs: 1, detectAnomaly: true, ...options };
    const kernels = tf.getKernelsForBackend('wasm');
    const text = await messageFrom(() => new Trainer(flags).fit(module, boringLoader(4)));
    expect(tf.getKernelsForBackend('wasm').every((kernel, i) => kernel.kernelFunc === kernels[i]?.kernelFunc)).toBe(
      true,
    );
    module.dispose();
    return text;
  });

test('detectAnomaly names the operation of the first NaN, in the forward and in the backward pass', async () => {
  await startEngine({ engine: 'wasm' });
  expect(await anomalyOf((loss) => tf.log(tf.sub(tf.mul(loss, 0), 1)))).toMatchInlineSnapshot(`
    "NonFiniteError [anomaly] BoringModule, trainingStep, epoch 0, batch 2: the operation Log: expected numbers from x [], got NaN in 1 of 1 values.
      help: its inputs had none: look for logarithms, roots and quotients of 0 there; the weights are those before this step"
  `);
  // The root of 0 is 0, and its derivative infinite: times 0 that is NaN, in the backward pass alone.
  expect(await anomalyOf((loss) => tf.sqrt(tf.mul(loss, 0)))).toMatchInlineSnapshot(`
    "NonFiniteError [anomaly] BoringModule, backward pass, epoch 0, batch 2: the operation Multiply: expected numbers from a [], b [], got NaN in 1 of 1 values.
      help: its inputs had none: look for logarithms, roots and quotients of 0 there; the weights are those before this step"
  `);
  expect(await anomalyOf((loss) => tf.add(loss, Number.NaN))).toContain('its input `b` had some before');
  expect(await anomalyOf((loss) => tf.log(tf.neg(loss)), { detectAnomaly: false })).toContain('[non-finite-loss]');
  expect(await messageFrom(() => new Trainer({ detectAnomaly: true, compile: true }))).toMatchInlineSnapshot(`
    "ConfigError [conflicting-options] Trainer: option \`detectAnomaly\`: expected false, since \`compile\` is true: a compiled step is one operation, got true.
      help: leave out one of them"
  `);
});

test('enableAutologHparams: whether loggers get the hyper-parameters', async () => {
  for (const enableAutologHparams of [true, false]) {
    const module = new BoringModule();
    module.saveHyperparameters({ lr: 0.5 });
    const logger = new MemoryLogger();
    const flags = { ...quiet, logger, enableAutologHparams, maxEpochs: 0 };
    await new Trainer(flags).fit(module, boringLoader(1));
    expect(logger.hparams).toEqual(enableAutologHparams ? { lr: 0.5 } : {});
    module.dispose();
  }
});

test('what cannot be attached together is refused', async () => {
  const bar = (): ProgressBar => new ProgressBar({ stream: { write: () => true } });
  expect({
    twoBars: await messageFrom(() => new Trainer({ callbacks: [bar(), bar()] })),
    barSwitchedOff: await messageFrom(() => new Trainer({ callbacks: bar(), enableProgressBar: false })),
    sanity: await messageFrom(() => new Trainer({ barebones: true, numSanityValSteps: 2 })),
    anomalies: await messageFrom(() => new Trainer({ barebones: true, detectAnomaly: true })),
  }).toMatchInlineSnapshot(`
    {
      "anomalies": "ConfigError [conflicting-options] Trainer: option \`detectAnomaly\`: expected nothing to be attached, since \`barebones\` is on.
      help: leave out \`barebones\` or \`detectAnomaly\`",
      "barSwitchedOff": "ConfigError [conflicting-options] Trainer: option \`enableProgressBar\`: expected true, since a ProgressBar is given, got false.
      help: leave out one of them",
      "sanity": "ConfigError [conflicting-options] Trainer: option \`numSanityValSteps\`: expected nothing to be attached, since \`barebones\` is on.
      help: leave out \`barebones\` or \`numSanityValSteps\`",
      "twoBars": "ConfigError [conflicting-options] Trainer: option \`callbacks\`: expected one progress bar, got 2.",
    }
  `);
  expect(
    () => new Trainer({ barebones: true, numSanityValSteps: 0, detectAnomaly: false, logger: false }),
  ).not.toThrow();
});
