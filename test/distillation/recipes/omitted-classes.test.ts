/** Classes that are not in the transfer set: left out, counted, and brought back by their bias. */
import {
  ArrayDataset,
  bestClassBias,
  classErrors,
  DataLoader,
  shiftClassBias,
  startEngine,
  tf,
  withoutClasses,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { network, weightsOf } from '../support.ts';
import { free } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

test('the bias of a class that is never said is raised to where it costs least', async () => {
  // Threes are said to be eights by a margin of 2; one eight is certain by 4, another by 1.
  const rows = [
    { label: 3, logits: { 3: 0, 8: 2 } },
    { label: 3, logits: { 3: 0, 8: 2.1 } },
    { label: 8, logits: { 3: 0, 8: 4 } },
    { label: 8, logits: { 3: 0, 8: 1 } },
  ];
  const logits = new Float32Array(40).fill(-20);
  rows.forEach((row, i) => {
    for (const [digit, value] of Object.entries(row.logits)) logits[10 * i + Number(digit)] = value;
  });
  const scores = { logits, labels: rows.map(({ label }) => label) };
  expect(classErrors(scores)).toEqual({ all: 2, byClass: [0, 0, 0, 2, 0, 0, 0, 0, 0, 0] });
  const { bias, errors } = bestClassBias(scores, [3]);
  expect(bias).toBe(2.25);
  expect(errors).toEqual({ all: 1, byClass: [0, 0, 0, 0, 0, 0, 0, 0, 1, 0] });
  expect(classErrors(scores, { 3: bias })).toEqual(errors);
  expect(bestClassBias(scores, [3], { range: 2 }).errors.all).toBe(2);
  expect(await messageFrom(() => classErrors({ logits, labels: [1, 2, 3] }))).toContain('labels-do-not-fit');
});

test('a data set without some classes keeps the rest in order', async () => {
  const labels = Int32Array.of(2, 0, 1, 2, 1, 0);
  const dataset = new ArrayDataset({
    x: { data: Float32Array.from(labels.keys()), shape: [1] },
    y: { data: labels, shape: [] },
  });
  const kept = withoutClasses(dataset, labels, [2]);
  const seen: number[] = [];
  for (const { x, y } of new DataLoader(kept, { batchSize: 4 })) {
    seen.push(...(x as tf.Tensor).dataSync());
    tf.dispose([x, y]);
  }
  expect(seen).toEqual([1, 2, 4, 5]);
  expect(await messageFrom(() => withoutClasses(dataset, [1], [2]))).toContain('labels-do-not-fit');
});

test('a shift reaches the logits of its classes, and no others', async () => {
  const model = network(1);
  const x = tf.ones([2, 4]);
  const said = () => tf.tidy(() => [...(model.apply(x) as tf.Tensor).dataSync()]);
  const before = said();
  shiftClassBias(model, [0, 2], 3.5);
  said().forEach((value, i) => {
    expect(value).toBeCloseTo((before[i] as number) + (i % 3 === 1 ? 0 : 3.5), 5);
  });
  expect(weightsOf(model)[3]).toEqual([3.5, 0, 3.5]);
  expect(await messageFrom(() => shiftClassBias(model, [3], 1))).toContain('class numbers below 3');
  const headless = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4], useBias: false })] });
  expect(await messageFrom(() => shiftClassBias(headless, [0], 1))).toContain('no-class-bias');
  free(model, headless, x);
});
