/** A backend that the program has imported, and nothing more, is the one that runs. */
import '@tensorflow/tfjs-backend-wasm';
import { startEngine, tf } from 'kelvin';
import { expect, it } from 'vitest';

it('importing the wasm backend before Kelvin starts an engine is enough', async () => {
  expect(tf.getBackend()).toBeFalsy();
  const [first, second] = await Promise.all([startEngine(), startEngine()]);
  expect(first.name).toBe('wasm');
  expect(second).toBe(first);
  expect(tf.tidy(() => tf.ones([2, 2]).sum().dataSync()[0])).toBe(4);
  expect(tf.memory().numTensors).toBe(0);
});
