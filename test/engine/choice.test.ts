/** Which engine starts when none is named: the environment's, else the first that can. */
import { currentEngine, describeEngines, startEngine, tf } from 'kelvin';
import { expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectNothingLeft } from './support.ts';

assertFileLeaksNothing();

it('KELVIN_ENGINE decides what starts first', async () => {
  process.env.KELVIN_ENGINE = 'cpu';
  expect((await startEngine()).name).toBe('cpu');
  expect(currentEngine()).toEqual({ name: 'cpu', backend: 'cpu', detail: 'pure JavaScript', cheapReads: true });
  delete process.env.KELVIN_ENGINE;
});

it('§2.2 T12 an engine that runs is one that the report calls available', async () => {
  const reports = await describeEngines();
  const best = reports.find((report) => report.available);
  const { name } = await startEngine({ engine: best?.name });
  expect(name).toBe(best?.name);
  const used = (await describeEngines()).filter((report) => report.used);
  expect(used.map((report) => [report.name, report.available, report.reason])).toEqual([[name, true, undefined]]);
});

it('the wasm engine says when a tensor does not fit its memory', async () => {
  await startEngine({ engine: 'wasm' });
  expect(() => expectNothingLeft(() => tf.fill([2 ** 30], 1))).toThrowErrorMatchingInlineSnapshot(`
    [BackendError: the wasm engine is out of memory: expected at most 4 GiB in all, got a tensor of 4294967296 bytes beside what is there.
      help: make the batch or the model smaller, or use engine 'tensorflow']
  `);
  expect(tf.tidy(() => tf.fill([3], 2).sum().dataSync()[0])).toBe(6);
});
