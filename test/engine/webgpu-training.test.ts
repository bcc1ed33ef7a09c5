/** Training on the WebGPU engine, `npm run test:webgpu`: drawn digits, resumed bit for bit; reads, errors and the end of it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  BackendError,
  convNet,
  DataLoader,
  ImageClassificationModel,
  mlp,
  seedEverything,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { drawnDigits } from 'kelvin/data';
import { afterAll, describe, expect, it } from 'vitest';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { TESTED } from './support.ts';

const here = TESTED === 'webgpu';
const why = here ? '' : ' (skipped: npm run test:webgpu runs it)';

describe.skipIf(!here)(`training on WebGPU${why}`, () => {
  assertFileLeaksNothing();

  const NETWORKS = {
    'a multi-layer perceptron': () => mlp({ inputs: [28, 28, 1], hidden: [32], classes: 10 }),
    'a convolutional network': () => convNet({ inputs: [28, 28, 1], channels: [4, 8], classes: 10, batchNorm: true }),
  };
  const digits = drawnDigits({ train: 160, test: 40, seed: 3 });

  interface Run {
    readonly engine: 'webgpu' | 'wasm';
    readonly maxSteps?: number;
    readonly save?: string;
    readonly ckptPath?: string;
  }

  /** Ten steps of 16 digits, or as many as there are left, and how the model then stands. */
  async function run(network: () => tf.LayersModel, { engine, save, ckptPath, maxSteps = 10 }: Run) {
    const restore = seedEverything(5);
    await startEngine({ engine });
    // A schedule would be as long as the run, and so another one in the run that is cut short.
    const settings = { head: 'none', classes: 10, learningRate: 0.01, lrSchedule: 'constant' } as const;
    const module = new ImageClassificationModel({ encoder: network(), ...settings });
    const trainer = new Trainer({ engine, maxSteps, barebones: true, gradientClipVal: 1, handleSignals: false });
    const losses: number[] = [];
    trainer.on('trainBatchEnd', ({ loss }) => losses.push(loss?.dataSync()[0] as number));
    const train = new DataLoader(digits.train, { batchSize: 16, shuffle: true });
    await trainer.fit(module, { train, ckptPath });
    if (save !== undefined) await trainer.saveCheckpoint(save);
    const [result] = await trainer.test(module, new DataLoader(digits.test, { batchSize: 20 }));
    const weights = [...module.namedVariables().values()].map((variable) => [...variable.dataSync()]);
    module.dispose();
    restore();
    return { losses, weights, accuracy: result?.test_acc };
  }

  describe.each(Object.entries(NETWORKS))('%s', (_, network) => {
    it('learns as on the embedded engine, and resumes exactly, on the GPU and elsewhere', async () => {
      const straight = await expectNoLeak(() => run(network, { engine: 'webgpu' }));
      const { losses, accuracy } = straight;
      const expected = await run(network, { engine: 'wasm' });
      expect(losses).toHaveLength(10);
      losses.forEach((loss, i) => {
        expect(Math.abs(loss - (expected.losses[i] as number)), `loss ${i}`).toBeLessThan(0.02);
      });
      expect(losses.at(-1)).toBeLessThan(losses[0] as number);
      expect(accuracy).toBeCloseTo(expected.accuracy as number, 1);
      const save = join(freshDirectory(), 'half.ckpt');
      await run(network, { engine: 'webgpu', maxSteps: 4, save });
      const resumed = await run(network, { engine: 'webgpu', ckptPath: save });
      expect(resumed.weights).toEqual(straight.weights);
      expect(resumed.accuracy).toBe(straight.accuracy);
      const elsewhere = await run(network, { engine: 'wasm', ckptPath: save });
      expect(elsewhere.losses.at(-1)).toBeCloseTo(straight.losses.at(-1) as number, 1);
    });
  });
});

describe.skipIf(!here)(`the WebGPU engine${why}`, () => {
  afterAll(() => startEngine({ engine: 'cpu' }));

  it('says what it runs on', async () => {
    expect(await startEngine({ engine: 'webgpu' })).toMatchObject({
      name: 'webgpu',
      backend: 'webgpu',
      cheapReads: false,
    });
  });

  it.each(['float32', 'int32', 'bool'] as const)(
    'reads %s tensors at once, later, and while others wait',
    async (dtype) => {
      const x = tf.tensor1d([0, 1, 1, 0], dtype);
      const y = tf.reverse(x);
      const later = y.data();
      expect([...y.dataSync()]).toEqual([0, 1, 1, 0]);
      expect([...(await later)]).toEqual([0, 1, 1, 0]);
      expect(y.dataSync()).toBeInstanceOf({ float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype]);
      tf.dispose([x, y]);
    },
  );

  it('adds up a million values to single precision, integers exactly', () => {
    tf.tidy(() => {
      expect(tf.fill([1_000_000], 0.1).mean().dataSync()[0]).toBeCloseTo(0.1, 6);
      expect(
        tf
          .fill([300, 7], 2 ** 24 + 1, 'int32')
          .sum(0)
          .dataSync()[3],
      ).toBe(300 * (2 ** 24 + 1) - 2 ** 32);
    });
  });

  it('throws where the GPU refuses, instead of giving what lay in memory', () => {
    const backend = tf.backend() as unknown as { device: { createShaderModule(description: object): unknown } };
    const x = tf.ones([2]);
    backend.device.createShaderModule({ code: 'no program' });
    expect(() => x.neg()).toThrow(BackendError);
    const y = tf.tidy(() => [...x.neg().dataSync()]);
    expect(y).toEqual([-1, -1]);
    x.dispose();
  });

  it('does not keep the process alive', () => {
    const script = fileURLToPath(new URL('webgpu-exit.ts', import.meta.url));
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', script], {
      encoding: 'utf8',
      timeout: 110_000,
    });
    expect([status, stdout]).toEqual([0, '400\n']);
  });
});
