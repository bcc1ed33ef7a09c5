/** `detectLeaks`: the trainer names the hook, step or loader with which the tensor count grows, and nobody else. */
import {
  type Callback,
  EarlyStopping,
  EMAWeightAveraging,
  GradientNormMonitor,
  LambdaCallback,
  NaNGuard,
  RestoreBest,
  StochasticWeightAveraging,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { warningsOf } from '../loggers/support.ts';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const flags: TrainerOptions = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  logger: false,
};

/** Runs with what leaks, disposes of it, and returns what the trainer says. */
async function leaksOf(
  options: TrainerOptions,
  { module = new BoringModule(), loader = boringLoader(30), epochs = 1 } = {},
): Promise<string[]> {
  const trainer = new Trainer({ ...flags, detectLeaks: true, maxEpochs: epochs, ...options });
  const warnings = await warningsOf(async () => {
    await trainer.fit(module, loader, boringLoader(2)).finally(() => module.dispose());
  });
  expect(warnings).toHaveLength(trainer.tensorLeaks.length);
  return trainer.tensorLeaks.map(
    ({ source, tensors, calls, sinceStep }) => `${source}: ${tensors} in ${calls} calls since step ${sinceStep}`,
  );
}

/** Keeps tensors and gives them back after the test. */
class Hoarder implements Callback {
  readonly kept: tf.Tensor[] = [];
  readonly #from: number;
  constructor(from = 0) {
    this.#from = from;
  }
  onTrainBatchEnd({ globalBatch }: { globalBatch: number }): void {
    if (globalBatch > this.#from) this.kept.push(tf.scalar(1), tf.scalar(2));
  }
}

test('a callback is named with its hook, how many, and from which step on', async () => {
  await expectNoLeak(async () => {
    const hoarder = new Hoarder(5);
    expect(await leaksOf({ callbacks: [new EarlyStopping({ monitor: 'val_loss' }), hoarder] })).toEqual([
      '[Callback]Hoarder.onTrainBatchEnd: 20 in 10 calls since step 6',
    ]);
    tf.dispose(hoarder.kept);
  });
});

test("with 'error' it ends the run", async () => {
  const hoarder = new Hoarder();
  expect(await messageFrom(() => leaksOf({ callbacks: hoarder, detectLeaks: 'error' }))).toMatchInlineSnapshot(`
    "ConfigError [tensor-leak] [Callback]Hoarder.onTrainBatchEnd leaves tensors behind: expected as many tensors after it as before, got 20 more in 10 calls, since optimizer step 1 of epoch 0.
      help: wrap it in \`tf.tidy\`, dispose of what it keeps, or gather numbers in place of tensors"
  `);
  tf.dispose(hoarder.kept);
});

test('asynchronous hooks, hooks of the module, of validation and of epochs', async () => {
  const kept: tf.Tensor[] = [];
  const leak = (): void => void kept.push(tf.scalar(1));
  const slow: Callback = {
    async onTrainBatchStart() {
      await new Promise((resolve) => setImmediate(resolve));
      leak();
    },
  };
  expect(await leaksOf({ callbacks: slow })).toEqual([
    '[Callback]Object.onTrainBatchStart: 10 in 10 calls since step 1',
  ]);
  const module = Object.assign(new BoringModule(), { onValidationBatchEnd: leak });
  expect(await leaksOf({}, { module, epochs: 4, loader: boringLoader(2) })).toEqual([
    '[LightningModule]BoringModule.onValidationBatchEnd: 6 in 12 calls since step 2',
  ]);
  expect(await leaksOf({ callbacks: { onTrainEpochEnd: leak } }, { epochs: 4, loader: boringLoader(2) })).toEqual([
    '[Callback]Object.onTrainEpochEnd: 3 in 3 calls since step 2',
  ]);
  tf.dispose(kept);
});

test('a step that keeps tensors, and a loader that does', async () => {
  const kept: tf.Tensor[] = [];
  class Keeping extends BoringModule {
    override trainingStep(batch: BoringBatch): tf.Tensor {
      kept.push(tf.keep(tf.scalar(1)));
      return super.trainingStep(batch);
    }
  }
  expect(await leaksOf({ accumulateGradBatches: 2 }, { module: new Keeping() })).toEqual([
    '[LightningModule]Keeping.trainingStep: 20 in 20 calls since step 1',
  ]);
  const wasteful = {
    length: 15,
    *[Symbol.iterator]() {
      for (const batch of boringLoader(15)) {
        kept.push(tf.scalar(2));
        yield batch;
      }
    },
  };
  expect(await leaksOf({}, { loader: wasteful })).toEqual(['[train loader].next: 10 in 10 calls since step 1']);
  tf.dispose(kept);
});

/** Holds back a batch, as any iterable without a length makes the trainer do. */
const unsized = { length: undefined as never, [Symbol.iterator]: () => boringLoader(30)[Symbol.iterator]() };

test('what is kept for a reason is none: averages, gathered outputs, logs, accumulated gradients', async () => {
  class Logging extends BoringModule {
    override trainingStep(batch: BoringBatch): tf.Tensor {
      this.log('both', tf.scalar(1), { onStep: true, onEpoch: true });
      return super.trainingStep(batch);
    }
  }
  const outputs: tf.Tensor[] = [];
  const gathering: Callback = {
    onTrainBatchEnd: (_trainer, module) =>
      tf.tidy(() => module.log('in_a_hook', tf.scalar(1), { onStep: true, onEpoch: true })),
    onValidationBatchEnd: () => void outputs.push(tf.scalar(1)),
    onValidationEpochEnd: () => tf.dispose(outputs.splice(0)),
  };
  const callbacks = [
    new EMAWeightAveraging(),
    new RestoreBest({ monitor: 'val_loss' }),
    new StochasticWeightAveraging({ swaLrs: 0.01, swaEpochStart: 1 }),
    gathering,
    new GradientNormMonitor(),
    new NaNGuard(),
    new LambdaCallback({ onTrainBatchStart: () => {} }),
  ];
  expect(await leaksOf({ callbacks, accumulateGradBatches: 3 }, { module: new Logging(), epochs: 5 })).toEqual([]);
  expect(await leaksOf({}, { loader: unsized, epochs: 2 })).toEqual([]);
});

test('off by default, on where NODE_ENV is development; values are checked', async () => {
  const before = process.env.NODE_ENV;
  try {
    expect(new Trainer().options.detectLeaks).toBe(false);
    process.env.NODE_ENV = 'development';
    expect([new Trainer().options.detectLeaks, new Trainer({ barebones: true }).options.detectLeaks]).toEqual([
      true,
      false,
    ]);
  } finally {
    process.env.NODE_ENV = before;
  }
  expect(await messageFrom(() => new Trainer({ detectLeaks: 'warn' as never }))).toMatchInlineSnapshot(
    `"ConfigError [invalid-option] Trainer: option \`detectLeaks\`: expected true, false or 'error', got 'warn' (string)."`,
  );
});
