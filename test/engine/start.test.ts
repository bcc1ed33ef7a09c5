/** Starting an engine: which one, once, and in words when one cannot. */
import { BackendError, currentEngine, describeEngines, readsAreCheap, startEngine, tf } from 'kelvin';
import { afterEach, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();
afterEach(() => {
  delete process.env.KELVIN_ENGINE;
});

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  );

describe('before the first start', () => {
  it('no engine runs, and tensors live on the pure-JavaScript one', () => {
    expect(currentEngine()).toBeUndefined();
    expect(tf.tidy(() => tf.scalar(2).square().dataSync()[0])).toBe(4);
    expect(readsAreCheap()).toBe(true);
  });

  it('engines are described without one being started', async () => {
    const reports = await describeEngines();
    expect(reports.map((report) => report.name)).toEqual(['tensorflow-gpu', 'tensorflow', 'wasm', 'webgpu', 'cpu']);
    expect(reports.some((report) => report.used)).toBe(false);
    expect(reports[2]).toEqual({
      name: 'wasm',
      available: true,
      used: false,
      version: '4.22.0',
      detail: expect.stringMatching(/SIMD, \d+ threads?$/),
      missing: expect.any(Array),
      reason: 'no engine has been started yet',
    });
    expect(tf.getBackend()).toBe('cpu');
    expect(currentEngine()).toBeUndefined();
  });

  it('a wrong KELVIN_ENGINE is an error', async () => {
    process.env.KELVIN_ENGINE = 'cuda';
    expect(await messageOf(startEngine())).toMatchInlineSnapshot(
      `"environment variable KELVIN_ENGINE: expected 'auto' or 'tensorflow-gpu' or 'tensorflow' or 'wasm' or 'webgpu' or 'cpu', got 'cuda' (string)."`,
    );
  });
});

describe('an engine that cannot be started says why', () => {
  it('when its name is unknown', async () => {
    const engine = 'webgl' as unknown as 'wasm';
    expect(await messageOf(startEngine({ engine }))).toMatchInlineSnapshot(
      `"startEngine: option \`engine\`: expected 'auto' or 'tensorflow-gpu' or 'tensorflow' or 'wasm' or 'webgpu' or 'cpu', got 'webgl' (string)."`,
    );
  });

  it('when an option is unknown', async () => {
    expect(await messageOf(startEngine({ engin: 'wasm' } as object))).toMatchInlineSnapshot(`
      "startEngine: unknown option \`engin\`.
        help: did you mean \`engine\`?"
    `);
  });

  it('when it is not installed', async () => {
    const cause = Object.assign(new Error("Cannot find package '@tensorflow/tfjs-node' imported from x"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    const load = () => Promise.reject(cause);
    const error = await startEngine({ engine: 'tensorflow', load }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BackendError);
    expect((error as BackendError).code).toBe('engine-not-started');
    expect((error as BackendError).cause).toBe(cause);
    expect((error as BackendError).message).toMatchInlineSnapshot(`
      "engine 'tensorflow' cannot be started: @tensorflow/tfjs-node is not installed.
        help: kelvin native install, or npm install @tensorflow/tfjs-node@4.22.0"
    `);
  });

  it('when its native library is missing', async () => {
    const load = () => Promise.reject(new Error('The addon (tfjs_binding.node) can not be found at path: x\nmore'));
    expect(await messageOf(startEngine({ engine: 'tensorflow-gpu', load }))).toMatchInlineSnapshot(`
      "engine 'tensorflow-gpu' cannot be started: the native library of @tensorflow/tfjs-node-gpu is missing.
        help: kelvin native install --gpu, or npm rebuild @tensorflow/tfjs-node-gpu"
    `);
  });

  it('when its native library does not load', async () => {
    const load = () => Promise.reject(new Error('libcudart.so.11.0: cannot open shared object file\nmore'));
    expect(await messageOf(startEngine({ engine: 'tensorflow-gpu', load }))).toMatchInlineSnapshot(`
      "engine 'tensorflow-gpu' cannot be started: @tensorflow/tfjs-node-gpu could not be loaded (libcudart.so.11.0: cannot open shared object file).
        help: mend what the message names, or run without this engine"
    `);
  });

  it('when it brings a second copy of tfjs-core', async () => {
    const load = () => Promise.resolve({ Tensor: class {} });
    expect(await messageOf(startEngine({ engine: 'tensorflow', load }))).toMatchInlineSnapshot(`
      "engine 'tensorflow' cannot be started: @tensorflow/tfjs-node brought a second copy of tfjs-core, and its engine is not the one that Kelvin uses.
        help: install version 4.22.0 of every @tensorflow package, then npm dedupe"
    `);
  });

  it('when `load` is given for an engine that Kelvin loads itself', async () => {
    expect(await messageOf(startEngine({ engine: 'wasm', load: () => Promise.resolve() }))).toMatchInlineSnapshot(
      `"startEngine: option \`load\`: expected engine 'tensorflow', 'tensorflow-gpu' or 'webgpu' beside it, got 'wasm' (string)."`,
    );
  });

  it('and leaves the engine that was there', () => {
    expect(tf.getBackend()).toBe('cpu');
    expect(currentEngine()).toBeUndefined();
  });
});

describe('starting', () => {
  it('calls at the same time share one start, and a later one returns what runs', async () => {
    const [first, second] = await Promise.all([startEngine({ engine: 'wasm' }), startEngine({ engine: 'wasm' })]);
    expect(first).toEqual({
      name: 'wasm',
      backend: 'wasm',
      detail: expect.stringMatching(/SIMD, \d+ threads?$/),
      cheapReads: true,
    });
    expect(second).toBe(first);
    expect(await startEngine()).toBe(first);
    expect(await startEngine({ engine: 'auto' })).toBe(first);
    expect(currentEngine()).toBe(first);
    expect(tf.getBackend()).toBe('wasm');
  });

  it('an engine by name replaces the one that runs; KELVIN_ENGINE does not', async () => {
    process.env.KELVIN_ENGINE = 'wasm';
    expect((await startEngine({ engine: 'cpu' })).name).toBe('cpu');
    expect((await startEngine()).name).toBe('cpu');
    const [cpu, wasm] = await Promise.all([startEngine({ engine: 'cpu' }), startEngine({ engine: 'wasm' })]);
    expect([cpu.name, wasm.name, tf.getBackend()]).toEqual(['cpu', 'wasm', 'wasm']);
  });

  it('a backend that the program sets by hand is the current engine', async () => {
    await tf.setBackend('cpu');
    expect(currentEngine()?.name).toBe('cpu');
    await tf.setBackend('wasm');
    expect((await startEngine()).name).toBe('wasm');
  });

  it('the report then names the engine that is used', async () => {
    const reports = await describeEngines();
    expect(reports.filter((report) => report.used).map((report) => report.name)).toEqual(['wasm']);
    expect(reports[4]?.reason).toBe('for debugging: runs only when asked for');
    for (const { available, reason, remedy } of reports) if (!available) expect([reason, remedy]).not.toContain('');
    expect(tf.getBackend()).toBe('wasm');
  });
});
