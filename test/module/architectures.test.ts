import { convNet, depthwiseSeparableNet, mlp, startEngine, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();
beforeAll(async () => {
  await startEngine({ engine: 'wasm' });
});

/** Shapes of the weights of a network, and of what it makes of two inputs of ones. */
function anatomy(net: tf.LayersModel, inputShape: number[]) {
  const output = tf.tidy(() => (net.predict(tf.ones([2, ...inputShape])) as tf.Tensor).shape);
  const weights = net.trainableWeights.map((weight) => weight.shape.join('x'));
  net.dispose();
  return { output, weights };
}

test('mlp: an input of one size, of several, or an encoder without a head', () => {
  expect(anatomy(mlp({ inputs: 784, hidden: [16], classes: 10 }), [784])).toEqual({
    output: [2, 10],
    weights: ['784x16', '16', '16x10', '10'],
  });
  expect(anatomy(mlp({ inputs: [28, 28, 1], hidden: [16, 8] }), [28, 28, 1])).toEqual({
    output: [2, 8],
    weights: ['784x16', '16', '16x8', '8'],
  });
  expect(anatomy(mlp({ inputs: [4], hidden: [], classes: 3, inputDropout: 0.2 }), [4]).weights).toEqual(['4x3', '3']);
});

test('convNet and depthwiseSeparableNet', () => {
  const conv = anatomy(convNet({ inputs: [8, 8, 1], channels: [4, 6], classes: 3, batchNorm: false }), [8, 8, 1]);
  expect(conv).toEqual({ output: [2, 3], weights: ['3x3x1x4', '4', '3x3x4x6', '6', '6x3', '3'] });
  const separable = anatomy(depthwiseSeparableNet({ inputs: [8, 8, 3], channels: [4, 6] }), [8, 8, 3]);
  expect(separable.output).toEqual([2, 6]);
  expect(separable.weights).toContain('3x3x4x1');
});

test('a stem with a stride halves all maps and keeps the weights', () => {
  const maps = (stemStride?: number) => {
    const net = depthwiseSeparableNet({ inputs: [16, 16, 1], channels: [4, 6], stemStride });
    const sizes = net.layers.filter((layer) => /Conv/.test(layer.getClassName())).map((layer) => layer.outputShape[1]);
    const weights = net.countParams();
    net.dispose();
    return { sizes, weights };
  };
  expect(maps().sizes).toEqual([16, 8, 8]);
  expect(maps(2)).toEqual({ sizes: [8, 4, 4], weights: maps(1).weights });
});

test('wrong options say what they should be', () => {
  expect(() => mlp({ inputs: 784, hidden: [0], classes: 10 })).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: mlp: option \`hidden.0\`: expected a whole number of at least 1, got 0 (number).]`,
  );
  expect(() => mlp({ inputs: 784, hiden: [16], hidden: [16] } as never)).toThrowErrorMatchingInlineSnapshot(`
    [ConfigError: mlp: unknown option \`hiden\`.
      help: did you mean \`hidden\`?]
  `);
  expect(() => convNet({ inputs: [28, 28] as never, channels: [4] })).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: convNet: option \`inputs\`: expected [height, width, channels], got [28,28] (array).]`,
  );
});
