/** The image classifier with class weights, focal loss and views, and metrics of whole epochs beside it. */
import {
  EpochMetricLogger,
  ImageClassificationModel,
  losses,
  metrics,
  mlp,
  Trainer,
  testTimeAugmentation,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const model = (options: Partial<ConstructorParameters<typeof ImageClassificationModel>[0]> = {}) =>
  new ImageClassificationModel({
    ...{ classes: 3, ...options },
    encoder: options.encoder ?? mlp({ inputs: [4, 4, 1], hidden: [6] }),
  });

const images = () => tf.tidy(() => tf.reshape(tf.sin(tf.range(0, 96)), [6, 4, 4, 1])) as tf.Tensor4D;
const classes = [0, 1, 2, 0, 0, 1];

describe('views', () => {
  test('a turn and its way back are the image; the mean is over all views', () => {
    tf.tidy(() => {
      const x = images();
      const seen: Record<string, number[]> = {};
      for (const view of [
        'identity',
        'flipHorizontal',
        'flipVertical',
        'rotate90',
        'rotate180',
        'rotate270',
      ] as const) {
        testTimeAugmentation(
          (shown) => {
            seen[view] = [...tf.slice(shown, 0, 1).dataSync()];
            return tf.zeros([6, 3]);
          },
          [view],
        )(x);
      }
      const at = (view: string, row: number, column: number) => seen[view]?.[4 * row + column];
      for (let row = 0; row < 4; row++) {
        for (let column = 0; column < 4; column++) {
          const value = at('identity', row, column);
          expect(at('flipHorizontal', row, 3 - column)).toBe(value);
          expect(at('flipVertical', 3 - row, column)).toBe(value);
          expect(at('rotate180', 3 - row, 3 - column)).toBe(value);
          expect(at('rotate90', 3 - column, row)).toBe(value);
          expect(at('rotate270', column, 3 - row)).toBe(value);
        }
      }
      const forward = (shown: tf.Tensor4D) => tf.reshape(tf.slice(shown, 0, [6, 1, 3, 1]), [6, 3]);
      const both = testTimeAugmentation(forward, ['identity', (y) => tf.mul(y, 2)])(x);
      const expected = tf.div(tf.add(tf.softmax(forward(x)), tf.softmax(tf.mul(forward(x), 2))), 2);
      expect(tf.max(tf.abs(tf.sub(both, expected))).dataSync()[0]).toBeLessThan(1e-6);
    });
    expect(() => testTimeAugmentation(() => tf.scalar(0), [])).toThrow('at least one of identity');
    expect(() => testTimeAugmentation(() => tf.scalar(0), ['sideways' as never])).toThrow('at least one of identity');
  });

  test('the classifier tests and predicts with them', async () => {
    await expectNoLeak(async () => {
      const net = model({ testViews: ['identity', 'flipHorizontal'] });
      const batch = { x: images(), y: tf.tensor1d(classes, 'int32') };
      const trainer = new Trainer({ barebones: true });
      const [predicted] = (await trainer.predict(net, [batch])) as tf.Tensor2D[];
      const [tested] = await trainer.test(net, [batch]);
      tf.tidy(() => {
        const flipped = tf.reverse(batch.x, 2);
        const mean = tf.div(tf.add(tf.softmax(net.forward(batch.x)), tf.softmax(net.forward(flipped))), 2);
        expect(tf.max(tf.abs(tf.sub(mean, predicted as tf.Tensor))).dataSync()[0]).toBeLessThan(1e-6);
        const loss = classes.reduce(
          (sum, label, i) => sum - Math.log((mean.arraySync() as number[][])[i]?.[label] as number),
          0,
        );
        expect(tested?.test_loss).toBeCloseTo(loss / 6, 4);
      });
      tf.dispose([batch, predicted]);
      net.dispose();
    });
  });
});

test('weights and gamma change the training loss only', async () => {
  await expectNoLeak(async () => {
    const weights = losses.balancedClassWeights(classes, 3);
    for (const options of [{ classWeights: weights }, { focalGamma: 2 }, { classWeights: weights, focalGamma: 2 }]) {
      const net = model({ ...options, learningRate: 1e-6 });
      const batch = { x: images(), y: tf.tensor1d(classes, 'int32') };
      const [expected, plain] = tf.tidy(() => {
        const logits = net.forward(batch.x);
        const weight = options.classWeights && tf.tensor1d(options.classWeights);
        const focal = { gamma: options.focalGamma, weight };
        const loss = options.focalGamma
          ? losses.focalLoss(logits, batch.y, focal)
          : losses.crossEntropy(logits, batch.y, { weight });
        return [loss.dataSync()[0] as number, losses.crossEntropy(logits, batch.y).dataSync()[0] as number];
      });
      const trainer = new Trainer({
        maxSteps: 1,
        logger: false,
        enableCheckpointing: false,
        enableProgressBar: false,
        enableModelSummary: false,
      });
      await trainer.fit(net, { train: [batch], val: [batch] });
      expect(trainer.callbackMetrics.train_loss).toBeCloseTo(expected, 5);
      expect(trainer.callbackMetrics.val_loss).toBeCloseTo(plain, 3);
      tf.dispose(batch);
      net.dispose();
    }
    const encoder = mlp({ inputs: [4, 4, 1], hidden: [6] });
    expect(() => model({ encoder, classWeights: [1, 2] })).toThrow('expected 3 numbers, one per class, got 2');
    encoder.dispose();
  });
});

test('metrics of whole epochs are logged for validation and test', async () => {
  await expectNoLeak(async () => {
    const net = model();
    const all = { x: images(), y: tf.tensor1d(classes, 'int32') };
    const parts = [0, 4].map((at) =>
      tf.tidy(() => ({ x: tf.slice(all.x, at, at === 0 ? 4 : 2), y: tf.slice(all.y, at, at === 0 ? 4 : 2) })),
    );
    const logger = new EpochMetricLogger({ auc: new metrics.RocAuc(), found: new metrics.Sensitivity(3) });
    const trainer = new Trainer({ barebones: true, callbacks: logger });
    const [logged] = await trainer.test(net, parts);
    tf.tidy(() => {
      const logits = net.forward(all.x);
      expect(logged?.test_auc).toBeCloseTo(metrics.rocAuc(logits, all.y), 6);
      const found = metrics.sensitivity(logits, all.y, 3).dataSync();
      found.forEach((value, k) => void expect(logged?.[`test_found/${k}`]).toBeCloseTo(value, 5));
    });
    const [validated] = await trainer.validate(net, parts);
    expect(validated?.val_auc).toBe(logged?.test_auc);
    tf.dispose([all, parts]);
    net.dispose();
  });
  expect(() => new EpochMetricLogger({ auc: 1 as never })).toThrow('EpochMetricLogger: `auc`');
});
