/** The hooks between loader and step: their order, whose they are, what becomes of the tensors that they make. */
import { LightningDataModule, lrFind, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { joined, recordingCallback, recordingModule } from '../support/recorder.ts';

assertFileLeaksNothing();

const NAMES = ['onBeforeBatchTransfer', 'transferBatchToDevice', 'onAfterBatchTransfer'] as const;

/** Notes the three hooks of `owner` under a letter. */
function note<T extends object>(owner: T, letter: string, trace: string[], names: readonly string[] = NAMES): T {
  for (const name of names) {
    Object.assign(owner, {
      [name]: (batch: BoringBatch, dataloaderIdx: number) => {
        trace.push(`${letter}.${name}(${dataloaderIdx})`);
        return { ...batch };
      },
    });
  }
  return owner;
}

class Data extends LightningDataModule {
  override trainDataloader(): object {
    return boringLoader(1);
  }
}

test('§7.1 before the start of every batch, in fit, validate, test and predict', async () => {
  const trace: string[] = [];
  const module = note(recordingModule(trace), 'M', trace);
  const trainer = new Trainer({ ...bare, maxEpochs: 1, callbacks: recordingCallback(trace, 'U') });
  const around = (step: string): string[] => {
    const lines = joined(trace.splice(0));
    const at = lines.indexOf(`M.${step}`);
    return lines.slice(at - 4, at + 1);
  };
  const hooks = ['M.onBeforeBatchTransfer(0)', 'M.transferBatchToDevice(0)', 'M.onAfterBatchTransfer(0)'];
  await trainer.fit(module, boringLoader(1), boringLoader(1));
  expect(joined(trace).filter((line) => /Transfer|Device|Batch(Start|End)|M\.\w+Step$/.test(line))).toEqual([
    ...[
      ...hooks,
      'U/M.trainBatchStart',
      'M.trainingStep',
      'U/M.beforeOptimizerStep',
      'M.optimizerStep',
      'U/M.trainBatchEnd',
    ],
    ...[...hooks, 'U/M.validationBatchStart', 'M.validationStep', 'U/M.validationBatchEnd'],
  ]);
  trace.length = 0;
  await trainer.validate(module, [boringLoader(1), boringLoader(1)]);
  expect(trace.filter((line) => line.includes('Transfer(') || line.includes('Device('))).toEqual([
    ...hooks,
    ...hooks.map((hook) => hook.replace('0', '1')),
  ]);
  trace.length = 0;
  await trainer.test(module, boringLoader(1));
  expect(around('testStep')).toEqual([...hooks, 'U/M.testBatchStart', 'M.testStep']);
  await trainer.predict(module, boringLoader(1), { returnPredictions: false });
  expect(around('predictStep')).toEqual([...hooks, 'U/M.predictBatchStart', 'M.predictStep']);
  module.dispose();
});

test("a data module's hook goes before the module's, hook by hook", async () => {
  const trace: string[] = [];
  const module = note(new BoringModule(), 'M', trace);
  const datamodule = note(new Data(), 'D', trace, ['transferBatchToDevice']);
  await new Trainer({ ...bare, maxEpochs: 1 }).fit(module, { datamodule });
  expect(trace).toEqual(['M.onBeforeBatchTransfer(0)', 'D.transferBatchToDevice(0)', 'M.onAfterBatchTransfer(0)']);
  module.dispose();
});

/** Takes rows of numbers, makes tensors of them, and doubles them on the device. */
class FromRows extends BoringModule {
  made: tf.Tensor[] = [];
  sum = 0;

  override transferBatchToDevice(rows: unknown): BoringBatch {
    const x = tf.tensor2d(rows as number[][]);
    return { x, y: x.slice([0, 0], [-1, 1]) as tf.Tensor2D };
  }

  override onAfterBatchTransfer({ x, y }: BoringBatch): BoringBatch {
    const doubled = x.mul(2).add(tf.scalar(0)) as tf.Tensor2D; // the scalar and the product are nobody's
    this.made.push(doubled, y);
    return { x: doubled, y };
  }

  override onTrainBatchStart(batch: unknown): void {
    this.sum += (batch as BoringBatch).x.sum().dataSync()[0] as number;
  }
}

const rows = [
  [
    [1, 2],
    [3, 4],
  ],
  [
    [5, 6],
    [7, 8],
  ],
];

test('what the hooks make is disposed of once the batch is over, what lies between at once', async () => {
  const module = new FromRows();
  const sums: number[] = [];
  module.onTrainBatchStart = (batch) =>
    void tf.tidy(() => void sums.push((batch as BoringBatch).x.sum().dataSync()[0] as number));
  await expectNoLeak(async () => {
    const trainer = new Trainer({ ...bare, maxEpochs: 2 });
    await trainer.fit(module, rows as never, rows as never);
    await trainer.predict(module, rows as never, { returnPredictions: false });
  });
  expect(sums).toEqual([20, 52, 20, 52]);
  expect(module.made.every((tensor) => tensor.isDisposed)).toBe(true);
  module.dispose();
});

test('a hook that passes tensors on leaves those of ready batches alone', async () => {
  const ready = [...boringLoader(2)];
  const module = Object.assign(new BoringModule(), {
    onAfterBatchTransfer: ({ x, y }: BoringBatch) => ({ x: x.mul(2), y }),
  });
  await expectNoLeak(() => new Trainer({ ...bare, maxEpochs: 2 }).fit(module, ready, ready));
  expect(ready.flatMap(({ x, y }) => [x.isDisposed, y.isDisposed])).toEqual([false, false, false, false]);
  tf.dispose(ready as never);
  module.dispose();
});

test('a hook that throws or returns a promise: nothing is left behind', async () => {
  const module = new BoringModule();
  const trained = (onAfterBatchTransfer: (batch: BoringBatch) => unknown): Promise<string> => {
    Object.assign(module, { onAfterBatchTransfer });
    return expectNoLeak(() => messageFrom(() => new Trainer({ ...bare, maxEpochs: 1 }).fit(module, boringLoader(3))));
  };
  const broken = ({ x }: BoringBatch) => {
    x.mul(2);
    throw new Error('boom');
  };
  expect(await trained(broken)).toBe('Error boom');
  expect(await trained(async (batch) => batch)).toMatch(
    /^ConfigError \[asynchronous-step\] BoringModule.onAfterBatchTransfer/,
  );
  module.dispose();
});

test('training on trial passes through the hooks as well', async () => {
  const module = new FromRows();
  module.onTrainBatchStart = () => {};
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  const found = await lrFind(trainer, module, { train: rows as never }, { numTraining: 4, updateAttr: false });
  expect(found.losses.length).toBeGreaterThan(0);
  expect(module.made.length).toBeGreaterThan(0);
  module.dispose();
});
