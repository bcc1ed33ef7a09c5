import { LightningModule, ModelSummary, SGD, summarize, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Paper } from './screen.ts';

assertFileLeaksNothing();

class Network extends LightningModule {
  readonly scale = tf.tidy(() => tf.variable(tf.zeros([3, 2]), true));
  readonly net = tf.sequential({
    layers: [
      tf.layers.dense({ units: 32, inputShape: [64], name: 'first' }),
      tf.layers.batchNormalization({ name: 'norm' }),
      tf.sequential({ layers: [tf.layers.dense({ units: 10, inputShape: [32], name: 'inner' })], name: 'head' }),
    ],
  });
  trainingStep() {}
  override configureOptimizers() {
    return new SGD(this.parameters(), { lr: 1 });
  }
}

async function withNetwork(body: (module: Network) => void): Promise<void> {
  await expectNoLeak(() => {
    const module = new Network();
    body(module);
    module.dispose();
  });
}

test('the table lists the fields and the layers of their models', async () => {
  await withNetwork((module) => {
    expect(`\n${summarize(module)}\n`).toMatchInlineSnapshot(`
      "
      Network
      name         type                output shape  parameters  trainable    bytes   MACs
      ────────────────────────────────────────────────────────────────────────────────────
      scale        Variable            [3, 2]                 6          6     24 B      0
      net          Sequential          [?, 10]            2.5 K      2.5 K  10.2 kB  2.4 K
        net.first  Dense               [?, 32]            2.1 K      2.1 K   8.3 kB  2.0 K
        net.norm   BatchNormalization  [?, 32]              128         64    512 B      0
        net.head   Sequential                               330        330   1.3 kB    320
      ────────────────────────────────────────────────────────────────────────────────────
      2.5 K trainable, 64 non-trainable, 2.5 K parameters in total
      10.2 kB of parameters, 2.4 K MACs per sample
      "
    `);
  });
});

test('the depth can be chosen', async () => {
  await withNetwork((module) => {
    const names = (maxDepth: number) =>
      summarize(module, { maxDepth })
        .split('\n')
        .slice(3, -3)
        .map((line) => line.trim().split(' ')[0]);
    expect(names(0)).toEqual(['scale', 'net']);
    expect(names(1)).toEqual(['scale', 'net', 'net.first', 'net.norm', 'net.head']);
    expect(names(-1)).toEqual(['scale', 'net', 'net.first', 'net.norm', 'net.head', 'net.head.inner']);
  });
});

test('frozen parts count as non-trainable', async () => {
  await withNetwork((module) => {
    module.freeze();
    expect(summarize(module)).toContain('0 trainable, 2.5 K non-trainable, 2.5 K parameters in total');
  });
});

test.for([
  [0, '0'],
  [123, '123'],
  [999, '999'],
  [1234, '1.2 K'],
  [235_146, '235 K'],
  [2_000_000, '2.0 M'],
  [3_500_000_000, '3.5 B'],
  [1e15, '1,000 T'],
] as const)('%d parameters are %s', ([size, text]) => {
  const variable = { size, dtype: 'float32' } as tf.Variable;
  const module = {
    submodules: () => [],
    parameters: () => [variable],
    namedVariables: () => new Map([['w', variable]]),
  } as unknown as Network;
  expect(summarize(module)).toContain(`\n${text} trainable, 0 non-trainable, ${text} parameters in total\n`);
});

test('it is printed once before each fit', async () => {
  const paper = new Paper();
  const flags = { ...bare, barebones: false, enableProgressBar: false, logger: false, enableCheckpointing: false };
  const trainer = new Trainer({ ...flags, callbacks: new ModelSummary({ stream: paper, maxDepth: 0 }), maxEpochs: 1 });
  const module = new BoringModule();
  await trainer.fit(module, boringLoader(2));
  expect(paper.text).toBe(`${summarize(module, { maxDepth: 0 })}\n`);
  await trainer.test(module, boringLoader(1));
  expect(paper.text.match(/BoringModule/g)).toHaveLength(1);
  module.dispose();
});

test('options are checked', () => {
  expect(() => new ModelSummary({ maxDepth: -2 })).toThrow(
    'ModelSummary: option `maxDepth`: expected a whole number of at least -1',
  );
});
