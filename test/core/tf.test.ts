import { tf } from 'kelvin';
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
