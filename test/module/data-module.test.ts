/** Data modules made of datasets, and rebuilt from a checkpoint. */
import { type Dataset, LightningDataModule, loadFromCheckpoint, Trainer, type tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

type Sample = { x: number[]; y: number[] };
const rows = (length: number, from = 0): Dataset<Sample, { x: tf.Tensor2D; y: tf.Tensor2D }> => ({
  length,
  get: (i) => ({ x: [from + i, 1], y: [i] }),
});

/** The first column of all batches of all loaders, as the steps see them. */
class Seeing extends BoringModule {
  readonly seen: Record<string, number[][]> = { train: [], val: [], test: [], predict: [] };
  #see(stage: string, x: tf.Tensor2D): void {
    this.seen[stage]?.push([...x.dataSync()].filter((_, i) => i % 2 === 0));
  }
  override trainingStep(batch: { x: tf.Tensor2D; y: tf.Tensor2D }): tf.Tensor {
    this.#see('train', batch.x);
    return super.trainingStep(batch);
  }
  override validationStep({ x }: { x: tf.Tensor2D }): void {
    this.#see('val', x);
  }
  override testStep({ x }: { x: tf.Tensor2D }): void {
    this.#see('test', x);
  }
  override predictStep({ x }: { x: tf.Tensor2D }): tf.Tensor {
    this.#see('predict', x);
    return x;
  }
}

test('fromDatasets: a loader for each dataset, that of training shuffled, its options apart', () =>
  expectNoLeak(async () => {
    const module = new Seeing();
    const trainer = new Trainer({ ...bare, maxEpochs: 2 });
    const data = LightningDataModule.fromDatasets(
      { train: rows(6), val: { a: rows(3), b: rows(2, 10) }, test: [rows(4), rows(1, 20)], predict: rows(3, 30) },
      { batchSize: 2, train: { batchSize: 3, seed: 4 } },
    );
    await trainer.fit(module, data);
    await trainer.test(module, data);
    await trainer.predict(module, data, { returnPredictions: false });
    const { train = [], val, test: tested, predict } = module.seen;
    expect(train.map((batch) => batch.length)).toEqual([3, 3, 3, 3]);
    for (const epoch of [train.slice(0, 2), train.slice(2)]) {
      expect(epoch.flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
      expect(epoch.flat()).not.toEqual([0, 1, 2, 3, 4, 5]);
    }
    expect(train.slice(0, 2)).not.toEqual(train.slice(2));
    expect(val?.slice(0, 3)).toEqual([[0, 1], [2], [10, 11]]);
    expect(tested).toEqual([[0, 1], [2, 3], [20]]);
    expect(predict).toEqual([[30, 31], [32]]);
    module.dispose();
  }));

test('fromDatasets: a part that is missing is asked of the module; what is no dataset is an error', async () => {
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  const data = LightningDataModule.fromDatasets({ val: rows(4) });
  expect(await messageFrom(() => trainer.fit(module, data))).toContain('missing-loader');
  const wrong = LightningDataModule.fromDatasets({ train: boringLoader(2) as never });
  expect(await messageFrom(() => trainer.fit(module, wrong))).toContain('invalid-dataset');
  module.dispose();
});

class Digits extends LightningDataModule {
  position = 0;
  readonly options: { batchSize: number; path?: string };
  constructor(options: { batchSize: number; path?: string }) {
    super();
    if (!(options.batchSize > 0)) throw new RangeError('no batch size');
    this.options = options;
    this.saveHyperparameters(options);
  }
  override trainDataloader = () => boringLoader(2, this.options.batchSize);
  override stateDict = () => ({ position: this.position });
  override loadStateDict({ position }: { position?: unknown }): void {
    this.position = Number(position);
  }
}
class Other extends LightningDataModule {}

test('a data module is rebuilt from the checkpoint of a fit, with overrides and its state', async () => {
  const module = new BoringModule();
  const path = `${freshDirectory()}/a.ckpt`;
  const plain = `${freshDirectory()}/b.ckpt`;
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  const digits = new Digits({ batchSize: 5, path: 'here' });
  digits.position = 7;
  await trainer.fit(module, digits);
  await trainer.saveCheckpoint(path);
  const again = await loadFromCheckpoint(Digits, path);
  expect([again.options, again.hparams, again.position]).toEqual([digits.options, digits.hparams, 7]);
  const there = await loadFromCheckpoint(Digits, path, { overrides: { path: 'there' } });
  expect(there.options).toEqual({ batchSize: 5, path: 'there' });
  const withoutData = new Trainer({ ...bare, maxEpochs: 1 });
  await withoutData.fit(module, boringLoader(1));
  await withoutData.saveCheckpoint(plain);
  const errors = [
    await messageFrom(() => loadFromCheckpoint(Other, path)),
    await messageFrom(() => loadFromCheckpoint(Digits, plain)),
    await messageFrom(() => loadFromCheckpoint(Digits, path, { overrides: { batchSize: 0 } })),
  ].map((text) => text.replaceAll(/\S+\.ckpt/g, 'FILE'));
  expect(errors).toMatchInlineSnapshot(`
    [
      "CheckpointError [no-datamodule] FILE has no data module to rebuild: expected the hyper-parameters of \`Other\`, got those of \`Digits\`.
      help: make it by hand, or load a checkpoint of a fit with \`{ datamodule }\`",
      "CheckpointError [no-datamodule] FILE has no data module to rebuild: expected the hyper-parameters of \`Digits\`, got a fit without a data module.
      help: make it by hand, or load a checkpoint of a fit with \`{ datamodule }\`",
      "ConfigError [cannot-rebuild] Digits cannot be rebuilt from FILE: got no batch size.
      help: give what is missing or wrong in \`overrides\`: models and functions are not saved in a checkpoint",
    ]
  `);
  module.dispose();
});
