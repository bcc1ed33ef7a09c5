import { globalRandom, seedEverything, withSeed } from 'kelvin';
import { expect, test } from 'vitest';

test('withSeed repeats what is drawn in it, as seedEverything does, and gives Math.random back', () => {
  const native = Math.random;
  const draw = (): number[] => [Math.random(), globalRandom().uniform()];
  expect(withSeed(7, draw)).toEqual(withSeed(7, draw));
  expect(withSeed(8, draw)).not.toEqual(withSeed(7, draw));
  const restore = seedEverything(7);
  expect(draw()).toEqual(withSeed(7, draw));
  restore();
  expect(Math.random).toBe(native);
  expect(() => withSeed(7, () => JSON.parse('{'))).toThrow(SyntaxError);
  expect(Math.random).toBe(native);
});
