import { startEngine, tf } from 'kelvin';
import { expect, test } from 'vitest';

test('tensors have their chained methods, and core and layers share one registry', () => {
  const values = tf.tidy(() =>
    tf
      .tensor1d([1, 2])
      .add(1)
      .mul(2)
      .where(tf.tensor1d([1, 0], 'bool'), tf.zeros([2]))
      .dataSync(),
  );
  expect([...values]).toEqual([4, 0]);
  const net = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] });
  expect(net.trainableWeights).toHaveLength(2);
  net.dispose();
});

test('integers cast to floats before an engine is started keep their values on it', async () => {
  const integers = tf.tensor1d([3, 0, -7], 'int32');
  const flags = tf.tensor1d([true, false], 'bool');
  const floats = [tf.cast(integers, 'float32'), tf.cast(flags, 'float32')];
  expect(floats[0]?.dataSync()).toBeInstanceOf(Float32Array);
  await startEngine({ engine: 'wasm' });
  const doubled = floats.map((x) => tf.tidy(() => [...tf.add(x, x).dataSync()]));
  expect(doubled).toEqual([
    [6, 0, -14],
    [2, 0],
  ]);
  expect([...tf.tidy(() => tf.add(integers, 1).dataSync())]).toEqual([4, 1, -6]);
  tf.dispose([integers, flags, ...floats]);
});
