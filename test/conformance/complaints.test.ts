/** What users complain of, of Lightning (C) and of tfjs (T): §2.1 and §2.2 of reference/lightning.md, answered. */
import {
  type Callback,
  EarlyStopping,
  LambdaCallback,
  ModelCheckpoint,
  OutputCollector,
  ReduceLROnPlateau,
  SGD,
  StepLR,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { fitBoring, quiet } from '../callbacks/support.ts';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { collect, joined, recordingCallback } from '../support/recorder.ts';

assertFileLeaksNothing();

type Interval = 'epoch' | 'step' | 'batch' | 'validation';

/** Halves its rate of 1 by a scheduler; logs a score that never improves. */
class Halving extends BoringModule {
  readonly #scheduling: { interval: Interval; frequency?: number; monitor?: string };

  constructor(scheduling: { interval: Interval; frequency?: number; monitor?: string }) {
    super();
    this.#scheduling = scheduling;
  }
  override trainingStep({ x }: BoringBatch): tf.Tensor {
    return tf.mul(tf.sum(this.forward(x)), 1e-9);
  }
  override validationStep(): void {
    this.log('score', 1, { batchSize: 1 });
  }
  override configureOptimizers(): never {
    const optimizer = new SGD(this.parameters(), { lr: 1 });
    const scheduler =
      this.#scheduling.monitor === undefined
        ? new StepLR(optimizer, { stepSize: 1, gamma: 0.5 })
        : new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0 });
    return { optimizer, lrScheduler: { scheduler, ...this.#scheduling } } as never;
  }
}

/** The rate at each batch. */
async function rates(
  scheduling: ConstructorParameters<typeof Halving>[0],
  flags: TrainerOptions,
  batches = 4,
): Promise<number[]> {
  const seen = collect('trainBatchStart', ({ optimizers }) => optimizers[0]?.lr as number);
  await fitBoring(seen, { maxEpochs: 1, ...flags }, { module: new Halving(scheduling), batches });
  return seen.seen;
}

test('§2.1 C2 onTrainBatchesEnd comes after the last batch and before validation, and may log for the epoch', async () => {
  const trace: string[] = [];
  const module = new BoringModule();
  module.onTrainBatchesEnd = () => module.log('before_validation', 1);
  const { metrics } = await new Trainer({ ...bare, maxEpochs: 2, callbacks: recordingCallback(trace, 'U') }).fit(
    module,
    boringLoader(2),
    boringLoader(1),
  );
  const order = joined(trace).filter((line) => /trainBatch(es)?End|validationStart|EpochEnd/.test(line));
  const epoch = ['trainBatchEnd', 'trainBatchEnd', 'trainBatchesEnd', 'validationStart', 'validationEpochEnd'];
  const expected = [...epoch, 'trainEpochEnd'].map((hook) => `U.${hook}`);
  expect(order).toEqual([...expected, ...expected]);
  expect(metrics).toHaveProperty('before_validation', 1);
  module.dispose();
});

test('§2.1 C8 a scheduler of interval validation is stepped after each validation, with its metric', async () => {
  const twice = { valCheckInterval: 2, maxEpochs: 2 };
  expect(await rates({ interval: 'validation' }, twice)).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
  expect(await rates({ interval: 'validation', frequency: 2 }, twice)).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]);
  // The first score is an improvement.
  const plateau = { interval: 'validation', monitor: 'score' } as const;
  expect(await rates(plateau, twice)).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]);
});

test('§2.1 C9 steps are optimizer steps, whatever is accumulated; batches are batches', async () => {
  const accumulated = { accumulateGradBatches: 2, maxEpochs: 2 };
  expect(await rates({ interval: 'step', frequency: 3 }, accumulated)).toEqual([1, 1, 1, 1, 1, 1, 0.5, 0.5]);
  expect(await rates({ interval: 'batch', frequency: 3 }, accumulated)).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]);
  expect(await messageFrom(() => rates({ interval: 'epochs' as never }, {}))).toContain(
    "option `interval`: expected 'epoch' or 'step' or 'batch' or 'validation', got 'epochs'",
  );
});

test('§2.1 C10 valCheckInterval 1 is every batch, for checkpoints and early stopping as well', async () => {
  const dirPath = freshDirectory();
  const stopping = new EarlyStopping({ monitor: 'score', patience: 2 });
  const callbacks = [stopping, new ModelCheckpoint({ dirPath, saveTopK: -1 })];
  const flags = { enableCheckpointing: true, valCheckInterval: 1, callbacks };
  await fitBoring(callbacks, flags, { module: new Halving({ interval: 'epoch' }), batches: 4 });
  expect(filesIn(dirPath)).toEqual([1, 2, 3].map((step) => `epoch=0-step=${step}.ckpt`));
  expect(stopping.waitCount).toBe(2);
});

test('§2.1 C13 outputs of an evaluation are kept when asked for, up to a size', () =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    module.validationStep = (({ x }: BoringBatch, batchIdx: number) => ({ x, batchIdx })) as never;
    module.testStep = (({ x }: BoringBatch) => module.forward(x)) as never;
    const shapes: string[] = [];
    const validation = new OutputCollector({
      onEpochEnd: async ([outputs = []], _trainer, view) => {
        for (const { x, batchIdx } of outputs as { x: tf.Tensor; batchIdx: number }[])
          shapes.push(`${batchIdx}: ${x.shape}`);
        view.log('gathered', outputs.length);
      },
    });
    const perLoader: number[][] = [];
    const test = new OutputCollector({
      stage: 'test',
      onEpochEnd: (outputs) => void perLoader.push(outputs.map((each) => each.length)),
    });
    const flags = { ...quiet, numSanityValSteps: 1, maxEpochs: 1 };
    const trainer = new Trainer({ ...flags, callbacks: [validation, test] });
    const { metrics } = await trainer.fit(module, boringLoader(1), boringLoader(2));
    await trainer.test(module, [boringLoader(1), boringLoader(3)]);
    expect(shapes).toEqual(['0: 4,2', '1: 4,2']);
    expect(metrics).toHaveProperty('gathered', 2);
    expect(perLoader).toEqual([[1, 3]]);
    const small = new OutputCollector({ onEpochEnd: () => {}, maxMegabytes: 5e-5 });
    const tooMuch = new Trainer({ ...quiet, callbacks: small }).validate(module, boringLoader(3));
    await expect(tooMuch).rejects.toMatchObject({ code: 'outputs-too-large' });
    module.dispose();
  }));

test('§2.1 C16 nothing is printed but what was asked for', async () => {
  const written: string[] = [];
  const { stdout, stderr } = process;
  const own = [stdout.write, stderr.write] as const;
  const take = (text: unknown): boolean => written.push(String(text)) > 0;
  Object.assign(stdout, { write: take });
  Object.assign(stderr, { write: take });
  try {
    await fitBoring([], { maxEpochs: 1 });
  } finally {
    Object.assign(stdout, { write: own[0] });
    Object.assign(stderr, { write: own[1] });
  }
  expect(written).toEqual([]);
});

/** Counts the kernels that run and the reads of their results. */
function meter(): { counts: { kernels: number; reads: number }; stop: () => void } {
  const counts = { kernels: 0, reads: 0 };
  const kernels = tf.getKernelsForBackend(tf.getBackend());
  const put = (kernel: tf.KernelConfig): void => {
    tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
  };
  for (const kernel of kernels) {
    const kernelFunc: tf.KernelFunc = (call) => {
      counts.kernels++;
      return kernel.kernelFunc(call);
    };
    put({ ...kernel, kernelFunc });
  }
  const backend = tf.backend() as unknown as { readSync: (id: object) => unknown };
  const { readSync } = backend;
  backend.readSync = (id) => {
    counts.reads++;
    return readSync.call(backend, id);
  };
  return {
    counts,
    stop: () => {
      for (const kernel of kernels) put(kernel);
      backend.readSync = readSync;
    },
  };
}

test('§2.1 C11 §2.2 T6 a step runs as many kernels as a loop by hand, and reads nothing back', async () => {
  const cost = async (run: (module: BoringModule, batches: BoringBatch[]) => void | Promise<void>) => {
    const module = new BoringModule();
    module.log = () => {};
    const batches = [...boringLoader(20)];
    const { counts, stop } = meter();
    await Promise.resolve(run(module, batches)).finally(stop);
    tf.dispose(batches as never);
    module.dispose();
    return counts;
  };
  const byHand = await cost((module, batches) => {
    const optimizer = module.configureOptimizers();
    for (const batch of batches) {
      const { value, grads } = tf.variableGrads(() => module.trainingStep(batch) as tf.Scalar, module.parameters());
      tf.tidy(() => optimizer.step(grads));
      tf.dispose([value, grads as never]);
    }
    optimizer.dispose();
  });
  const trained = await cost(async (module, batches) => {
    const flags = { ...bare, terminateOnNaN: false, maxEpochs: 1 };
    await new Trainer({ ...flags, callbacks: new LambdaCallback({ onTrainEnd: () => {} }) }).fit(module, batches);
  });
  expect(byHand.kernels).toBeGreaterThan(20 * 5);
  expect(trained).toEqual(byHand);
  expect(trained.reads).toBe(0);
});

test('§2.2 T10 plain objects, instances of classes and LambdaCallbacks share a list, in any order', async () => {
  class Instance implements Callback {
    calls = 0;
    onTrainBatchEnd(): void {
      this.calls++;
    }
  }
  const calls = { plain: 0, lambda: 0 };
  const make = (): [Instance, Callback, Callback] => [
    new Instance(),
    { onTrainBatchEnd: () => void calls.plain++ },
    new LambdaCallback({ onTrainBatchEnd: () => void calls.lambda++ }),
  ];
  const [one, other] = [make(), make()];
  await fitBoring(one, { maxEpochs: 1 });
  await fitBoring(other.toReversed(), { maxEpochs: 1 });
  expect([one[0].calls, other[0].calls, calls]).toEqual([4, 4, { plain: 8, lambda: 8 }]);
});
