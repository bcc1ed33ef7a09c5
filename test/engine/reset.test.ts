/** What holds after `tf.engine().reset()`, which starts the backend anew on memory of its own. */
import { startEngine, tf } from 'kelvin';
import { expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

it('the wasm engine still says when a tensor does not fit its memory', async () => {
  await startEngine({ engine: 'wasm' });
  tf.engine().reset();
  await tf.setBackend('wasm');
  expect(() => tf.tidy(() => tf.fill([2 ** 30], 1))).toThrow('the wasm engine is out of memory');
  expect(tf.tidy(() => tf.fill([3], 2).sum().dataSync()[0])).toBe(6);
});
