/** The trainer's option `compile` on an engine that compiles nothing. */
import { startEngine, Trainer } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../../support/boring.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';

assertFileLeaksNothing();
beforeAll(async () => void (await startEngine({ engine: 'wasm' })));

const trained = async (compile: boolean | 'auto'): Promise<number> => {
  const module = new BoringModule();
  try {
    const { steps } = await new Trainer({ ...bare, maxSteps: 4, compile }).fit(module, boringLoader(4));
    return steps;
  } finally {
    module.net.dispose();
  }
};

test("'auto' trains as it does without", async () => {
  expect(await trained('auto')).toBe(4);
  expect(await trained(false)).toBe(4);
});

test('true says which engine cannot', async () => {
  await expect(trained(true)).rejects.toMatchObject({
    code: 'not-compiled',
    message: expect.stringContaining("the engine 'wasm' has no compiled steps"),
  });
});

test('another value is an error when it is given', () => {
  expect(() => new Trainer({ compile: 'always' as never })).toThrow("true, false or 'auto'");
});
