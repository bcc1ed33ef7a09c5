/** Forward passes as one call of native TensorFlow: the values of the layers one by one, and nothing where that cannot be. */
import { convNet, depthwiseSeparableNet, evaluateDistillation, mlp, startEngine, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileForward } from '../../../src/engine/compile/index.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../../support/no-leak.ts';
import { NATIVE, WHERE } from '../../trainer/compile/support.ts';

const IMAGE = [12, 12, 2] as const;

const networks: Record<string, () => tf.LayersModel> = {
  'a multi-layer perceptron': () => mlp({ inputs: IMAGE, hidden: [16, 8], classes: 5 }),
  'a convolutional network': () => convNet({ inputs: IMAGE, channels: [4, 6], classes: 5 }),
  'a depthwise-separable network': () => depthwiseSeparableNet({ inputs: IMAGE, channels: [4, 6, 8], classes: 5 }),
};

const applied =
  (model: tf.LayersModel, training = false) =>
  (x: tf.Tensor): tf.Tensor =>
    model.apply(x, { training }) as tf.Tensor;

const images = (batch: number, seed: number): tf.Tensor => tf.randomNormal([batch, ...IMAGE], 0, 1, 'float32', seed);

describe.skipIf(!NATIVE)(`compiled forward passes${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test.each(Object.entries(networks))('%s gives what its layers give, for other images too', (_, make) =>
    expectNoLeak(() => {
      const model = make();
      const [first, other] = [images(3, 1), images(3, 2)] as const;
      const compiled = compileForward(applied(model), first);
      for (const x of [first, other]) {
        const expected = tf.tidy(() => applied(model)(x).dataSync());
        const output = compiled?.run(x) as tf.Tensor;
        expect(output.shape).toEqual([3, 5]);
        output.dataSync().forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i] as number, 5);
        });
        output.dispose();
      }
      compiled?.dispose();
      tf.dispose([first, other, ...model.weights.map((weight) => weight.read())]);
    }),
  );

  test('what draws numbers or reads its input is left alone', () =>
    tf.tidy(() => {
      const dropping = mlp({ inputs: IMAGE, hidden: [16], dropout: 0.5, classes: 5 });
      const x = images(2, 1);
      expect(compileForward(applied(dropping, true), x)).toBeUndefined();
      expect(compileForward((input) => tf.mul(input, input.dataSync()[0] as number), x)).toBeUndefined();
      tf.dispose(dropping.weights.map((weight) => weight.read()));
    }));

  test('a report times all models compiled, or none', () =>
    expectNoLeak(async () => {
      const models = {
        teacher: mlp({ inputs: 4, hidden: [8], classes: 3 }),
        student: mlp({ inputs: 4, hidden: [2], classes: 3 }),
      };
      const data = () => [{ x: tf.ones([2, 4]), y: tf.tensor1d([0, 1], 'int32') }];
      const compiled = async (runs: number): Promise<boolean[]> =>
        (await evaluateDistillation(models, data(), { runs, warmUp: 1 })).rows.map((row) => row.compiled);
      expect(await compiled(20)).toEqual([true, true]);
      expect(await compiled(2)).toEqual([false, false]);
      for (const model of Object.values(models)) tf.dispose(model.weights.map((weight) => weight.read()));
    }));
});
