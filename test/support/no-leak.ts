/** Every test file asserts that it leaks no tensor; these are the two ways to do so. */
import { tf } from 'kelvin';
import { afterAll, beforeAll, expect } from 'vitest';

/** Runs `body` and fails when tensors have been left behind. */
export async function expectNoLeak<T>(body: () => T | Promise<T>): Promise<T> {
  const before = tf.memory().numTensors;
  const result = await body();
  expect(tf.memory().numTensors - before, 'tensors left behind').toBe(0);
  return result;
}

/** Call once at the top of a test file: the file as a whole must leave no tensor behind. */
export function assertFileLeaksNothing(): void {
  let before = 0;
  beforeAll(() => {
    before = tf.memory().numTensors;
  });
  afterAll(() => {
    expect(tf.memory().numTensors - before, 'tensors left behind by this file').toBe(0);
  });
}
