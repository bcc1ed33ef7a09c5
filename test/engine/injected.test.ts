/** A backend that the program has set up by itself is the one that runs, completed like Kelvin's own. */
import '@tensorflow/tfjs-backend-wasm';
import { startEngine, tf } from 'kelvin';
import { beforeAll, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

beforeAll(async () => {
  await tf.ready();
});
assertFileLeaksNothing();

it('the wasm backend, imported by the program, is taken and completed', async () => {
  const gradient = () =>
    tf.tidy(() => {
      const x = tf.ones([1, 3, 3, 1]);
      return tf
        .grad((w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'valid'))(tf.zeros([2, 2, 1, 1]))
        .dataSync();
    });
  expect(tf.getKernel('Conv2DBackpropFilter', 'wasm') ?? 'none').toBe('none');
  expect(await startEngine()).toEqual({
    name: 'wasm',
    backend: 'wasm',
    detail: expect.stringMatching(/SIMD, 1 thread$/),
    cheapReads: true,
  });
  expect([...gradient()]).toEqual([4, 4, 4, 4]);
});

it('a backend that Kelvin does not know is taken under its own name', async () => {
  tf.registerBackend('mine', () => tf.findBackend('cpu'));
  await tf.setBackend('mine');
  expect(await startEngine()).toEqual({
    name: 'mine',
    backend: 'mine',
    detail: "the caller's own backend",
    cheapReads: false,
  });
  await tf.setBackend('wasm');
});
