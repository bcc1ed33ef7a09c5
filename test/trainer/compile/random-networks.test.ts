/** Random small networks, compiled beside eager, on native TensorFlow. */
import fc from 'fast-check';
import { Dropout, ImageClassificationModel, type LightningModule, startEngine, tf } from 'kelvin';
import { beforeAll, describe, test } from 'vitest';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectSame, NATIVE, train, WHERE } from './support.ts';

const activation = fc.constantFrom('relu', 'tanh', 'sigmoid', 'elu', 'linear', 'relu6', 'softplus');
const padding = fc.constantFrom('same', 'valid');
const images = fc.oneof(
  fc.record({
    kind: fc.constant('conv'),
    filters: fc.integer({ min: 1, max: 4 }),
    activation,
    padding,
    useBias: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('depthwise'), activation, strides: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ kind: fc.constantFrom('norm', 'maxPool', 'avgPool', 'dropout') }),
);
const rows = fc.oneof(
  fc.record({ kind: fc.constant('dense'), units: fc.integer({ min: 1, max: 6 }), activation }),
  fc.record({ kind: fc.constantFrom('norm', 'dropout') }),
);

function layerOf({ kind, ...options }: { kind: string } & object): tf.layers.Layer {
  switch (kind) {
    case 'conv':
      return tf.layers.conv2d({ kernelSize: 2, ...options } as never);
    case 'depthwise':
      return tf.layers.depthwiseConv2d({ kernelSize: 2, padding: 'same', ...options } as never);
    case 'norm':
      return tf.layers.batchNormalization({ momentum: 0.8 });
    case 'maxPool':
      return tf.layers.maxPooling2d({ poolSize: 2, strides: 1 });
    case 'avgPool':
      return tf.layers.avgPooling2d({ poolSize: 2, strides: 1, padding: 'same' });
    case 'dropout':
      return new Dropout({ rate: 0.25 });
    default:
      return tf.layers.dense(options as never);
  }
}

/**
 * Whether every gradient is one. A batch normalisation takes away what a linear layer or another normalisation below it has
 * added: the gradient of that is rounding noise, of which Adam makes whole steps, and running means follow them late.
 */
function hasGradients(layers: readonly { readonly kind: string; readonly activation?: string }[]): boolean {
  let shifted = false;
  for (const { kind, activation } of layers) {
    if (kind === 'norm' && shifted) return false;
    if (kind === 'norm') shifted = true;
    if (activation !== undefined) shifted = activation === 'linear';
  }
  return true;
}

describe.skipIf(!NATIVE)(`random networks, compiled${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test('losses are those of eager steps', async () => {
    const optimizer = fc.constantFrom('adam', 'adamw', 'sgd');
    const network = fc
      .record({ below: fc.array(images, { maxLength: 3 }), above: fc.array(rows, { maxLength: 2 }), optimizer })
      .filter(({ below, above }) => hasGradients([...below, ...above]));
    await fc.assert(
      fc.asyncProperty(network, async ({ below, above, optimizer }) => {
        const make = (): LightningModule<never> => {
          const stack = [...below.map(layerOf), tf.layers.flatten(), ...above.map(layerOf)];
          const encoder = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [7, 7, 2] }), ...stack] });
          return new ImageClassificationModel({ encoder, classes: 4, optimizer, weightDecay: 0.01 }) as never;
        };
        const options = { maxSteps: 24, gradientClipVal: 1 };
        const eager = await train(make, [7, 7, 2], { ...options, compile: false });
        expectSame(await train(make, [7, 7, 2], { ...options, compile: true }), eager);
      }),
      { numRuns: 12, seed: 12 },
    );
  });
});
