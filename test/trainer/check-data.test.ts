/** `trainer.check` with combined loaders, a module's own loaders and data modules; and monitors that callbacks log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Callback,
  CombinedLoader,
  ConfusionMatrixLogger,
  DataLoader,
  DeviceStatsMonitor,
  EarlyStopping,
  EpochMetricLogger,
  GradientNormMonitor,
  type HookFunction,
  LambdaCallback,
  LightningDataModule,
  LightningModule,
  metrics,
  RestoreBest,
  SGD,
  ThroughputMonitor,
  Trainer,
  type TrainerOptions,
  tf,
  WeightCallback,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const flags: TrainerOptions = { engine: 'wasm', handleSignals: false, maxEpochs: 2, logger: false, barebones: true };
const silent = { stream: false } as const;

type Pair = { a: { x: tf.Tensor2D }; b: { x: tf.Tensor2D } };

class Paired extends LightningModule<Pair> {
  readonly net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3] })] });
  override trainingStep({ a, b }: Pair) {
    const [one, other] = [a, b].map(({ x }) => tf.mean(this.net.apply(x) as tf.Tensor)) as [tf.Tensor, tf.Tensor];
    return tf.squaredDifference(one, other);
  }
  override configureOptimizers() {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

const numbers = (count: number, batchSize: number): DataLoader<{ x: tf.Tensor2D }> =>
  new DataLoader(
    { length: count, get: (i: number) => ({ x: [i, i + 1, i + 2] }) },
    { batchSize, shuffle: true },
  ) as unknown as DataLoader<{ x: tf.Tensor2D }>;

test('several training loaders, as a record and combined: their batch is described, their positions are put back', async () => {
  await expectNoLeak(async () => {
    for (const combine of [false, true]) {
      const loaders = { a: numbers(12, 4), b: numbers(6, 2) };
      for await (const { x } of loaders.a) x.dispose(); // the one stands in its second epoch now
      const before = [loaders.a.state(), loaders.b.state()];
      const train = combine ? new CombinedLoader(loaders) : loaders;
      const module = new Paired();
      const report = await new Trainer(flags).check(module, { train }, silent);
      expect(report).toMatchObject({ ok: true, steps: 6, problems: [] });
      expect(report.loaders).toEqual([
        {
          name: 'train',
          batches: 3,
          batch: { 'a.x': 'float32 [4, 3]', 'b.x': 'float32 [2, 3]' },
          output: { loss: 'float32 []' },
        },
      ]);
      expect([loaders.a.state(), loaders.b.state()]).toEqual(before);
      module.dispose();
    }
  });
});

test('an empty member of several loaders is found', async () => {
  const module = new Paired();
  const { problems } = await new Trainer(flags).check(
    module,
    { train: { a: numbers(4, 2), b: numbers(0, 2) } },
    silent,
  );
  expect(problems.map(({ code }) => code)).toEqual(['empty-loader']);
  module.dispose();
});

const boringRows = (): DataLoader<{ x: tf.Tensor2D; y: tf.Tensor2D }> =>
  new DataLoader({ length: 6, get: (i: number) => ({ x: [i, 1], y: [i] }) }, { batchSize: 2, shuffle: true }) as never;

test('the loaders of the module itself and of a data module are asked for, described, and put back', async () => {
  class Own extends BoringModule {
    readonly loader = boringRows();
    override trainDataloader = () => this.loader;
    override valDataloader = () => boringLoader(1, 5);
  }
  class Data extends LightningDataModule {
    readonly loader = boringRows();
    readonly calls: string[] = [];
    override setup(stage: string): void {
      this.calls.push(`setup ${stage}`);
    }
    override trainDataloader = () => this.loader;
    override valDataloader = () => [boringLoader(1, 5), boringLoader(2, 3)];
    override teardown(stage: string): void {
      this.calls.push(`teardown ${stage}`);
    }
  }
  const own = new Own();
  const data = new Data();
  const plain = new BoringModule();
  const before = [own.loader.state(), data.loader.state()];
  const first = await new Trainer(flags).check(own, undefined, silent);
  expect(first.problems).toEqual([]);
  expect(first.loaders.map(({ name, batches, batch }) => [name, batches, batch.x])).toEqual([
    ['train', 3, 'float32 [2, 2]'],
    ['val', 1, 'float32 [5, 2]'],
  ]);
  const second = await new Trainer(flags).check(plain, { datamodule: data }, silent);
  expect(second.problems).toEqual([]);
  expect(second.loaders.map(({ name, batches }) => [name, batches])).toEqual([
    ['train', 3],
    ['val[0]', 1],
    ['val[1]', 2],
  ]);
  expect((await new Trainer(flags).check(plain, data, silent)).ok).toBe(true);
  expect(data.calls).toEqual(['setup fit', 'teardown fit', 'setup fit', 'teardown fit']);
  expect([own.loader.state(), data.loader.state()]).toEqual(before);
  own.dispose();
  plain.dispose();
});

test('a data module that gives a generator object is found out before a batch is taken of it', async () => {
  let taken = 0;
  class Data extends LightningDataModule {
    override trainDataloader = () => {
      const batches = boringLoader(2);
      return (function* () {
        for (const batch of batches) {
          taken++;
          yield batch;
        }
      })();
    };
  }
  const module = new BoringModule();
  const report = await new Trainer(flags).check(module, new Data(), silent);
  expect([report.ok, report.problems.map(({ code }) => code), taken]).toEqual([false, ['one-shot-loader'], 0]);
  module.dispose();
});

/** What a check with these callbacks says of a monitor that the module does not log. */
async function monitoring(monitor: string, ...callbacks: Callback[]): Promise<string[]> {
  const module = new BoringModule();
  const trainer = new Trainer({ ...flags, callbacks: [new EarlyStopping({ monitor }), ...callbacks] });
  const { problems } = await trainer.check(module, { train: boringLoader(2), val: boringLoader(1) }, silent);
  module.dispose();
  return problems.map(({ severity, message }) => `${severity}: ${message}`);
}

test('a monitor on a metric that another callback logs is not missing', async () => {
  const kappa = new EpochMetricLogger({ kappa: new metrics.QuadraticWeightedKappa(3) });
  const nothing: string[] = [];
  expect(await monitoring('val_kappa', kappa)).toEqual(nothing);
  expect(await monitoring('grad_norm/total', new GradientNormMonitor({ perLayer: false }))).toEqual(nothing);
  expect(await monitoring('grad_norm/net.0', new GradientNormMonitor())).toEqual(nothing);
  expect(await monitoring('throughput/batches_per_sec', new ThroughputMonitor())).toEqual(nothing);
  expect(await monitoring('device/tensors', new DeviceStatsMonitor())).toEqual(nothing);
  expect(await monitoring('kd_weight', new WeightCallback({ schedule: 'constant', value: 1 }))).toEqual(nothing);
  const log: HookFunction<'trainEpochEnd'> = (_trainer, module) => module.log('speed', 1);
  const own: Callback = { metricNames: ['speed'], onTrainEpochEnd: log };
  expect(await monitoring('speed', own)).toEqual(nothing);
  const lambda = new LambdaCallback({ metricNames: ['speed'], onTrainEpochEnd: log });
  expect(await monitoring('speed', lambda)).toEqual(nothing);
});

test('a monitor that nobody can log is an error, one that a callback may log a warning', async () => {
  const error = 'error: EarlyStopping watches `spede`, which nobody logs; logged are: train_loss, val_loss';
  const others = [new RestoreBest({ monitor: 'val_loss' }), new ConfusionMatrixLogger(), new GradientNormMonitor()];
  expect(await monitoring('spede', ...others)).toEqual([error]);
  expect(await monitoring('spede', { onFitStart: () => {} })).toEqual([error]);
  const logs = new LambdaCallback({ onTrainEpochEnd: (_t, module) => module.log('spede', 1) });
  expect(await monitoring('spede', logs)).toEqual([
    'warning: EarlyStopping watches `spede`, which the module does not log; if LambdaCallback does, ' +
      "have it say so: `metricNames = ['spede']`",
  ]);
});

test('with a checkpoint to go on from, the module keeps the weights that it had', async () => {
  await expectNoLeak(async () => {
    const ckptPath = join(mkdtempSync(join(tmpdir(), 'kelvin-check-')), 'one.ckpt');
    const [saved, module] = [new BoringModule(), new BoringModule()];
    const trainer = new Trainer({ ...flags, maxEpochs: 1 });
    await trainer.fit(saved, boringLoader(2));
    await trainer.saveCheckpoint(ckptPath);
    const values = () => module.parameters().map((weight) => [...weight.dataSync()]);
    const before = values();
    const report = await new Trainer(flags).check(module, { train: boringLoader(2), ckptPath }, silent);
    expect(report.problems).toEqual([]);
    expect(values()).toEqual(before);
    rmSync(dirname(ckptPath), { recursive: true });
    saved.dispose();
    module.dispose();
  });
});
