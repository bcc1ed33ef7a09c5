/** The direct kernels of native TensorFlow, against tfjs-node's own and against what tfjs composes; in place, and safely so. */
import fc from 'fast-check';
import { Adam, AdamW, losses, SGD, startEngine, tf } from 'kelvin';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { holdFused } from '../../src/core/fused.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals } from './support.ts';

const installed = process.env.KELVIN_TEST_NATIVE !== undefined;
const title = installed ? 'direct kernels' : 'direct kernels (skipped: npm run test:native)';

/** The same computed with fused kernels and without. */
function both(compute: () => Float32Array[]): void {
  const fused = expectNothingLeft(compute);
  const release = holdFused();
  try {
    compute().forEach((values, i) => {
      expectClose(fused[i] as Float32Array, values);
    });
  } finally {
    release();
  }
}

const read = (...tensors: tf.Tensor[]) => tensors.map((tensor) => Float32Array.from(tensor.dataSync()));

describe.skipIf(!installed)(title, () => {
  assertFileLeaksNothing();
  beforeAll(async () => {
    await startEngine({ engine: 'tensorflow' });
  });

  it('softmax with cross-entropy has the same values and gradients, and takes a label that is no class for none', () => {
    const size = fc.record({ batch: fc.integer({ min: 1, max: 6 }), classes: fc.integer({ min: 2, max: 7 }) });
    fc.assert(
      fc.property(
        size,
        fc.constantFrom('mean', 'sum', 'none'),
        fc.nat({ max: 2 }),
        ({ batch, classes }, reduction, kind) => {
          both(() =>
            tf.tidy(() => {
              const logits = tf.tensor2d(normals(1, batch * classes), [batch, classes]);
              const soft = () => tf.softmax(tf.tensor2d(normals(2, batch * classes), [batch, classes]));
              const labels =
                kind > 0
                  ? tf.mul(soft(), kind)
                  : tf.tensor1d(
                      Int32Array.from({ length: batch }, (_, i) => (i * 3) % (classes + 1)),
                      'int32',
                    );
              const loss = (x: tf.Tensor) => losses.crossEntropy(x, labels, { reduction: reduction as 'none' });
              return read(loss(logits), tf.grad(loss)(logits));
            }),
          );
        },
      ),
      howOften(30, 1),
    );
  });

  it.each([1, 4])('the softened divergence at T = %d has the same values and gradients', (temperature) => {
    both(() =>
      tf.tidy(() => {
        const [logits, teacher] = [1, 2].map((seed) => tf.tensor2d(normals(seed, 30), [5, 6])) as [
          tf.Tensor,
          tf.Tensor,
        ];
        const loss = (x: tf.Tensor) => losses.klDivergence(x, teacher, { temperature });
        const rows = losses.klDivergence(logits, teacher, { temperature, reduction: 'none' });
        return read(loss(logits), rows, tf.grad(loss)(logits));
      }),
    );
  });

  it.each([
    ['images', [3, 4, 5, 2]],
    ['one image of one pixel', [1, 1, 1, 3]],
    ['rows', [7, 3]],
    ['sequences', [2, 5, 3]],
  ])('batch norm of %s trains as tf.layers does', (_, shape) => {
    const run = () => {
      const layer = tf.layers.batchNormalization({ inputShape: shape.slice(1), momentum: 0.7, epsilon: 0.01 });
      const model = tf.sequential({ layers: [layer] });
      tf.tidy(() =>
        model.setWeights(
          [
            [1, 2, 3],
            [4, 5, 6],
            [0.1, 0.2, 0.3],
            [1, 2, 3],
          ].map((w) => tf.tensor1d(w.slice(0, shape.at(-1)))),
        ),
      );
      const values = tf.tidy(() => {
        const x = tf.tensor(normals(1, tf.util.sizeFromShape(shape)), shape);
        const dy = tf.tensor(normals(2, x.size), shape);
        const f = (input: tf.Tensor) => tf.sum(tf.mul(model.apply(input, { training: true }) as tf.Tensor, dy));
        const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
        const { grads } = tf.variableGrads(() => f(x) as tf.Scalar, variables);
        const ofX = tf.grad(f)(x);
        return read(ofX, ...variables.map(({ name }) => grads[name] as tf.Tensor), ...model.getWeights());
      });
      model.dispose();
      return values;
    };
    const fused = run();
    const release = holdFused();
    const composed = run();
    release();
    composed.forEach((values, i) => {
      expectClose(fused[i] as Float32Array, values, 1e-4);
    });
  });

  it.each([
    1,
    [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ],
  ])('padding in numbers, %j, is padding the image', (pad) => {
    const numbers = pad as number;
    const sides =
      typeof pad === 'number'
        ? [
            [0, 0],
            [pad, pad],
            [pad, pad],
            [0, 0],
          ]
        : pad;
    const padded = (x: tf.Tensor, filler: number) => tf.pad(x, sides as [number, number][], filler) as tf.Tensor4D;
    const images = () => tf.tensor4d(normals(1, 2 * 6 * 5 * 3), [2, 6, 5, 3]);
    const filter = () => tf.tensor4d(normals(2, 3 * 3 * 3 * 4), [3, 3, 3, 4]);
    const gradients = (f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[]) =>
      read(f(...xs), ...tf.grads((...given) => tf.sum(tf.square(f(...given))))(xs));
    const equal = (one: Float32Array[], other: Float32Array[]) =>
      one.forEach((values, i) => {
        expectClose(values, other[i] as Float32Array);
      });
    tf.tidy(() => {
      const convolved = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [1, 2], numbers);
      const by = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(padded(x, 0), w as tf.Tensor4D, [1, 2], 'valid');
      equal(gradients(convolved as never, [images(), filter()]), gradients(by as never, [images(), filter()]));
      const pooled = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, 3, 2, numbers);
      const pooledBy = (x: tf.Tensor) => tf.maxPool(padded(x, -1e9), 3, 2, 'valid');
      equal(gradients(pooled, [images()]), gradients(pooledBy, [images()]));
      // The mean of the pixels alone: of a padded image over that of a padded one of ones.
      const mean = (x: tf.Tensor) => tf.avgPool(x as tf.Tensor4D, [3, 2], 2, numbers);
      const meanBy = (x: tf.Tensor) => tf.avgPool(padded(x, 0), [3, 2], 2, 'valid');
      const shares = meanBy(tf.onesLike(images()));
      equal(
        gradients(mean, [images()]),
        gradients((x) => tf.div(meanBy(x), shares), [images()]),
      );
      const deep = (x: tf.Tensor, w: tf.Tensor) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, numbers);
      const deepBy = (x: tf.Tensor, w: tf.Tensor) => tf.depthwiseConv2d(padded(x, 0), w as tf.Tensor4D, 2, 'valid');
      equal(gradients(deep as never, [images(), filter()]), gradients(deepBy as never, [images(), filter()]));
    });
  });

  describe('optimizers', () => {
    const make = {
      sgd: (p: tf.Variable) => new SGD([p], { lr: 0.1, weightDecay: 0.01 }),
      momentum: (p: tf.Variable) => new SGD([p], { lr: 0.1, momentum: 0.9, dampening: 0.3 }),
      nesterov: (p: tf.Variable) => new SGD([p], { lr: 0.1, momentum: 0.9, nesterov: true }),
      adam: (p: tf.Variable) => new Adam([p], { lr: 0.1, weightDecay: 0.1 }),
      adamW: (p: tf.Variable) => new AdamW([p], { lr: 0.1, weightDecay: 0.1 }),
    };
    const made: { dispose(): void }[] = [];
    afterEach(() => {
      for (const each of made.splice(0)) each.dispose();
    });
    const start = (name: keyof typeof make, given = normals(1, 5)) => {
      const param = tf.tidy(() => tf.variable(tf.tensor1d(given)));
      const optimizer = make[name](param);
      made.push(param, optimizer);
      const step = (seed: number) => tf.tidy(() => optimizer.step({ [param.name]: tf.tensor1d(normals(seed, 5)) }));
      return { param, optimizer, step };
    };

    it.each(Object.keys(make) as (keyof typeof make)[])('%s moves weights as composed', (name) => {
      const run = () => {
        const { param, step } = start(name);
        for (let i = 2; i < 8; i++) step(i);
        return read(param)[0] as Float32Array;
      };
      const fused = run();
      const release = holdFused();
      const composed = run();
      release();
      expectClose(fused, composed, 1e-5); // TensorFlow rounds 1 - beta2 to single precision
    });

    it.each(Object.keys(make) as (keyof typeof make)[])('%s writes to no tensor that somebody still holds', (name) => {
      const given = normals(1, 16); // long enough to be taken over without a copy
      const before = Float32Array.from(given);
      const param = tf.tidy(() => tf.variable(tf.tensor1d(given)));
      const optimizer = make[name](param);
      made.push(param, optimizer);
      const step = () => tf.tidy(() => optimizer.step({ [param.name]: tf.ones([16]) }));
      step();
      expect(given).toEqual(before);
      const [held, shaped] = [param.clone(), tf.reshape(param, [4, 4])];
      const values = held.dataSync();
      const copy = Float32Array.from(values);
      for (let i = 0; i < 3; i++) step();
      expect([...held.dataSync()]).toEqual([...copy]);
      expect([...shaped.dataSync()]).toEqual([...copy]);
      expect([...values]).toEqual([...copy]);
      expect([...param.dataSync()]).not.toEqual([...copy]);
      tf.dispose([held, shaped]);
    });

    it('a loaded state and weights that are assigned take effect', () => {
      const [one, other] = [start('adam'), start('adam')];
      one.step(2);
      const state = one.optimizer.stateDict(() => 'w');
      other.optimizer.loadStateDict(state, () => 'w');
      tf.tidy(() => other.param.assign(one.param.clone()));
      one.step(3);
      other.step(3);
      expect(read(other.param)).toEqual(read(one.param));
    });

    it('keep no memory from step to step', () => {
      const { step } = start('adam');
      step(2);
      const data = tf.backend().numDataIds();
      for (let i = 0; i < 50; i++) step(3);
      expect(tf.backend().numDataIds()).toBe(data);
    });
  });
});
