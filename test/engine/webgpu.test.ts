/** The WebGPU engine on any machine: why it does not start where something is missing, in words. */
import { currentEngine, describeEngines, startEngine, tf } from 'kelvin';
import { describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const failure = (load: () => Promise<unknown>): Promise<string> =>
  startEngine({ engine: 'webgpu', load }).then(
    () => 'no error',
    (error: Error) => error.message,
  );

const absent = (name: string) =>
  Object.assign(new Error(`Cannot find package '${name}' imported from x`), { code: 'ERR_MODULE_NOT_FOUND' });

describe('the WebGPU engine says why it does not start', () => {
  it.each(['webgpu', '@tensorflow/tfjs-backend-webgpu'])('when %s is not installed', async (name) => {
    expect(await failure(() => Promise.reject(absent(name)))).toBe(
      `engine 'webgpu' cannot be started: the npm package ${name} is not installed.\n` +
        '  help: npm install webgpu @tensorflow/tfjs-backend-webgpu@4.22.0',
    );
  });

  it('when its library does not load', async () => {
    const load = () => Promise.reject(new Error('libstdc++.so.6: version `GLIBCXX_3.4.32` not found\nmore'));
    expect(await failure(load)).toMatchInlineSnapshot(`
      "engine 'webgpu' cannot be started: its packages could not be loaded (libstdc++.so.6: version \`GLIBCXX_3.4.32\` not found).
        help: mend what the message names, or run without this engine"
    `);
  });

  it('when they bring a second copy of tfjs-core', async () => {
    const load = () => Promise.resolve({ WebGPUBackend: class {}, create: () => undefined, globals: {} });
    expect(await failure(load)).toMatchInlineSnapshot(`
      "engine 'webgpu' cannot be started: @tensorflow/tfjs-backend-webgpu brought a second copy of tfjs-core, and its engine is not the one that Kelvin uses.
        help: install version 4.22.0 of every @tensorflow package, then npm dedupe"
    `);
  });

  it.each<[string, () => Promise<null>]>([
    ['no adapter is there', () => Promise.resolve(null)],
    ['the driver cannot be asked', () => Promise.reject(new Error('no suitable backends found\nmore'))],
  ])('when %s', async (_, requestAdapter) => {
    const gpu = { requestAdapter };
    const load = () =>
      Promise.resolve({ WebGPUBackend: class extends tf.KernelBackend {}, create: () => gpu, globals: {} });
    expect(await failure(load)).toMatch(
      /^engine 'webgpu' cannot be started: no adapter: WebGPU finds no GPU here.*\.\n {2}help: install the .*driver/s,
    );
  });

  it('and leaves the engine that was there, and no trace of WebGPU', () => {
    expect((globalThis as { navigator?: object }).navigator ?? {}).not.toHaveProperty('gpu');
    expect(tf.getBackend()).toBe('cpu');
    expect(currentEngine()).toBeUndefined();
  });
});

it('is never chosen by itself', async () => {
  const { name } = await startEngine();
  expect(name).not.toBe('webgpu');
  const report = (await describeEngines()).find((one) => one.name === 'webgpu');
  expect(report?.used).toBe(false);
  expect(report?.reason).toMatch(/is not installed|no adapter|only when asked for/);
});
