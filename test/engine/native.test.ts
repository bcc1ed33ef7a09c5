/** The native engine from the cache, where one is installed: one tfjs-core, the report, the CPU's numbers. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as core from '@tensorflow/tfjs-core';
import { describeEngines, startEngine, tf } from 'kelvin';
import { nativeStatus } from 'kelvin/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

const installed = process.env.KELVIN_TEST_NATIVE !== undefined;
const title = installed ? 'the native engine' : 'the native engine (skipped: npm run test:native)';

describe.skipIf(!installed)(title, () => {
  assertFileLeaksNothing();
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kelvin-native-'));
    expect(await startEngine()).toMatchObject({ name: 'tensorflow', backend: 'tensorflow' });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('is the best that starts, and reports its version', async () => {
    const report = (await describeEngines()).find(({ used }) => used);
    expect(report).toMatchObject({ name: 'tensorflow', version: '4.22.0' });
    expect(report?.detail).toMatch(/^TensorFlow 2\.\d+\.\d+ on the CPU$/);
  });

  it('computes on the tensors of the one tfjs-core that the program imports', () => {
    const require = createRequire(import.meta.url);
    expect(core.engine()).toBe(tf.engine());
    expect((require('@tensorflow/tfjs-core') as typeof core).getBackend()).toBe('tensorflow');
    const product = core.tidy(() =>
      core.matMul(core.tensor2d([1, 2], [1, 2]), core.tensor2d([3, 4], [2, 1])).dataSync(),
    );
    expect([...product]).toEqual([11]);
  });

  it('saves and loads models as file://, as tfjs-node does', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    await model.save(`file://${directory}/model`);
    const loaded = await tf.loadLayersModel(`file://${directory}/model/model.json`);
    const [before, after] = [model, loaded].map((each) => [...(each.getWeights()[0] as tf.Tensor).dataSync()]);
    expect(after).toEqual(before);
    model.dispose();
    loaded.dispose();
  });

  it('says where it lies and how large it is', () => {
    expect(nativeStatus()).toMatchObject([{ engine: 'tensorflow', reason: undefined }]);
    expect(nativeStatus()[0]?.bytes).toBeGreaterThan(5e8);
  });
});

describe('the check of an engine', () => {
  it('is a process of its own, and fails when the folder holds none', () => {
    const check = new URL('../../src/engine/native/check.ts', import.meta.url).pathname;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', check, join(tmpdir(), 'no-such-engine')],
      {
        encoding: 'utf8',
      },
    );
    expect(existsSync(check)).toBe(true);
    expect(status).toBe(1);
    expect(stderr).toContain('no-such-engine is empty');
  });
});
