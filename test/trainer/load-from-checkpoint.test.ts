/** A module rebuilt from a checkpoint. */
import { join } from 'node:path';
import { LightningModule, loadFromCheckpoint, SGD, Trainer, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

interface Options {
  lr: number;
  width: number;
  activation?: (x: tf.Tensor) => tf.Tensor;
  extra?: boolean;
}

class Wide extends LightningModule<{ x: tf.Tensor; y: tf.Tensor }> {
  readonly net: tf.LayersModel;
  readonly head: tf.Variable | undefined;
  readonly options: Options;
  loaded = 0;

  constructor(options: Options) {
    super();
    if (options.width < 1) throw new Error('width must be at least 1');
    this.saveHyperparameters(options as never);
    this.options = options;
    this.net = tf.sequential({ layers: [tf.layers.dense({ units: options.width, inputShape: [2] })] });
    if (options.extra) this.head = tf.tidy(() => tf.variable(tf.zeros([1])));
  }

  trainingStep({ x }: { x: tf.Tensor }): tf.Tensor {
    return tf.mean(tf.square(this.net.apply(x) as tf.Tensor));
  }

  override onLoadCheckpoint(): void {
    this.loaded++;
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: this.options.lr });
  }

  values(): number[][] {
    return [...this.namedVariables().values()].map((variable) => [...variable.dataSync()]);
  }
}

const directory = freshDirectory();
const path = join(directory, 'wide.ckpt');
let saved: number[][];

beforeAll(async () => {
  const module = new Wide({ lr: 0.7, width: 5, activation: (x) => x });
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  await trainer.fit(module, boringLoader(2) as never);
  await trainer.saveCheckpoint(path, { weightsOnly: true });
  saved = module.values();
  module.dispose();
});

test('D21 hyper-parameters rebuild it, overrides go first, weights are set', () =>
  expectNoLeak(async () => {
    const module = await loadFromCheckpoint(Wide, path, { overrides: { lr: 9 } });
    expect(module.options).toEqual({ lr: 9, width: 5 });
    expect(module.hparams).toEqual({ lr: 9, width: 5 });
    expect(module.values()).toEqual(saved);
    expect(module).toMatchObject({ loaded: 1, training: true });
    module.dispose();
  }));

test('D21 weights of another shape are refused, strict or not; other names only when strict', () =>
  expectNoLeak(async () => {
    const text = (body: () => unknown) => messageFrom(body).then((message) => message.replaceAll(directory, '<dir>'));
    expect(await text(() => loadFromCheckpoint(Wide, path, { overrides: { width: 4 } }))).toMatchInlineSnapshot(`
      "CheckpointError [checkpoint-does-not-fit] The checkpoint does not fit Wide: expected 'net.0.kernel' to be float32 [2,4], got float32 [2,5].
        help: build the module as it was when the checkpoint was written, or load with \`strict: false\`"
    `);
    expect(await text(() => loadFromCheckpoint(Wide, path, { overrides: { width: 4 }, strict: false }))).toContain(
      '[checkpoint-does-not-fit]',
    );
    expect(await text(() => loadFromCheckpoint(Wide, path, { overrides: { extra: true } }))).toMatchInlineSnapshot(`
      "CheckpointError [checkpoint-does-not-fit] The checkpoint does not fit Wide: expected the weights 'head', got a checkpoint without them.
        help: build the module as it was when the checkpoint was written, or load with \`strict: false\`"
    `);
    const module = await loadFromCheckpoint(Wide, path, { overrides: { extra: true }, strict: false });
    expect(module.values().slice(0, 2)).toEqual(saved);
    module.dispose();
  }));

test('what cannot be loaded says so', () =>
  expectNoLeak(async () => {
    const text = (body: () => unknown) => messageFrom(body).then((message) => message.replaceAll(directory, '<dir>'));
    expect(await text(() => loadFromCheckpoint(Wide, path, { overrides: { width: 0 } }))).toMatchInlineSnapshot(`
      "ConfigError [cannot-rebuild] Wide cannot be rebuilt from <dir>/wide.ckpt: got width must be at least 1.
        help: give what is missing or wrong in \`overrides\`: models and functions are not saved in a checkpoint"
    `);
    expect(await text(() => loadFromCheckpoint(Wide, join(directory, 'no.ckpt')))).toMatchInlineSnapshot(`
      "CheckpointError [checkpoint-not-found] There is no checkpoint <dir>/no.ckpt.
        help: in <dir> there are wide.ckpt"
    `);
    expect(await text(() => loadFromCheckpoint(Wide, path, { overides: {} } as never))).toMatchInlineSnapshot(`
      "ConfigError [unknown-option] loadFromCheckpoint: unknown option \`overides\`.
        help: did you mean \`overrides\`?"
    `);
  }));

test('saved options of a module that saved none rebuild it without any; saveHyperparameters wants an object', async () => {
  const plain = join(directory, 'plain.ckpt');
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  await trainer.fit(module, boringLoader(2));
  await trainer.saveCheckpoint(plain);
  const again = await loadFromCheckpoint(BoringModule, plain);
  expect(again.weights()).toEqual(module.weights());
  expect(await messageFrom(() => module.saveHyperparameters(3 as never))).toMatchInlineSnapshot(
    `"ConfigError [invalid-option] BoringModule.saveHyperparameters: expected an object with the options of the constructor, got 3 (number)."`,
  );
  module.dispose();
  again.dispose();
});
