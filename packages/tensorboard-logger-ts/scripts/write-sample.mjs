/**
 * Writes a log directory with every kind: `run`, twice as if resumed at step 10, with a run below it, and `other` with
 * scalars as tensors: `node write-sample.mjs <directory>`. After the build.
 */
import { join } from 'node:path';
import { encodePng, kerasGraph, markdownTable, SummaryWriter } from '../dist/index.js';

const logDir = process.argv[2] ?? 'runs/sample';

const loss = (step) => 1 / (step + 1);
const checker = (size, channels) => {
  const data = new Uint8Array(size * size * channels);
  for (let i = 0; i < data.length; i++) data[i] = (i * 37) % 256;
  return { width: size, height: size, channels, data };
};
const tone = (hertz) => Float32Array.from({ length: 4000 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / 8000));

const first = new SummaryWriter(join(logDir, 'run'));
first.addHparams({ lr: 0.01, optimizer: 'adam', nesterov: true, width: 64 }, { 'val/accuracy': 0.5 });
first.describe('loss', { displayName: 'Loss', description: 'The **mean** over the batch.' });
for (let step = 0; step < 20; step++) first.addScalar('loss', loss(step), step);
first.addScalar('odd', Number.NaN, 0);
first.addScalar('odd', Number.POSITIVE_INFINITY, 1);
first.addHistogram('weights', [-1, -0.5, 0, 0.5, 1, Number.NaN], 0);
first.addHistogramBins(
  'binned',
  [
    { left: 0, right: 1, count: 3 },
    { left: 1, right: 2, count: 4 },
  ],
  0,
);
for (let step = 0; step < 5; step++) {
  const values = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i * 12.9898) * (1 + step) + step);
  first.addHistogram('drifting', values, step);
}
first.addImages('grid', [checker(8, 3), checker(8, 4), encodePng(checker(8, 1))], 0);
first.addImageGrid(
  'tiles',
  Array.from({ length: 6 }, (_, i) => checker(8 + i, 3)),
  0,
  { columns: 3 },
);
const boxes = [
  { left: 6, top: 20, right: 40, bottom: 52, label: 'cat 0.9' },
  { left: 44, top: 30, right: 76, bottom: 70, label: 'dog 0.7', color: [20, 90, 200] },
];
first.addImageWithBoxes('boxes', checker(80, 3), boxes, 0);
first.addText('notes', '# Heading\n\n* a\n* **b** é', 0);
first.addText('rows', ['one', 'two'], 0);
first.addTable(
  'classes',
  ['class', 'recall'],
  [
    ['cat', 0.9],
    ['d|g', 0.75],
  ],
  0,
);
const labels = Array.from({ length: 200 }, (_, i) => i % 3 === 0);
const scores = labels.map((label, i) => (label ? 0.35 + ((i * 7) % 65) / 100 : ((i * 11) % 70) / 100));
first.addPrCurve('pr', labels, scores, 0);
first.addPrCurve(
  'pr',
  labels,
  scores.map((score) => score ** 2),
  1,
);
first.addAudio('tone', { sampleRate: 8000, data: tone(440) }, 0);
const vertices = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
const colors = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0];
first.addMesh('tetrahedron', { vertices, faces: [0, 1, 2, 0, 1, 3, 0, 2, 3, 1, 2, 3], colors }, 0);
first.addCustomScalars({
  training: { losses: ['loss', 'val/.*'], band: { margins: [{ value: 'middle', lower: 'low', upper: 'high' }] } },
});
for (let step = 0; step < 20; step++) {
  first.addScalar('middle', loss(step), step);
  first.addScalar('low', 0.8 * loss(step), step);
  first.addScalar('high', 1.2 * loss(step), step);
}
const layer = (class_name, name, config, from) => ({
  class_name,
  name,
  config: { name, ...config },
  inbound_nodes: from.length === 0 ? [] : [from.map((source) => [source, 0, 0, {}])],
});
const model = {
  class_name: 'Functional',
  config: {
    name: 'net',
    layers: [
      layer('InputLayer', 'pixels', { batch_input_shape: [null, 784] }, []),
      layer('Dense', 'hidden', { units: 64, activation: 'relu' }, ['pixels']),
      layer('Dense', 'skip', { units: 10 }, ['pixels']),
      layer('Dense', 'logits', { units: 10 }, ['hidden']),
      layer('Add', 'sum', {}, ['logits', 'skip']),
    ],
    input_layers: [['pixels', 0, 0]],
    output_layers: [['sum', 0, 0]],
  },
};
first.addGraph(kerasGraph(model, { hidden: [null, 64], skip: [null, 10], logits: [null, 10], sum: [null, 10] }));
const angles = Array.from({ length: 60 }, (_, i) => i / 6);
const vectors = angles.map((angle) => [Math.cos(angle), Math.sin(angle), angle / 10, Math.fround(0.1)]);
await first.addEmbedding('spiral', vectors, {
  labels: angles.map((angle, i) => ({ name: `point ${i}`, third: Math.floor(angle / 4) })),
  images: angles.map((_, i) => ({ width: 8, height: 8, channels: 1, data: new Uint8Array(64).fill(i * 4) })),
});
await first.close('failure');

const second = new SummaryWriter(join(logDir, 'run'), { purgeStep: 10 });
for (let step = 10; step < 25; step++) second.addScalar('loss', loss(step), step);
second.addScalar('odd', -1.5, 2 ** 33);
second.addScalars('val', { accuracy: 0.75 }, 24);
second.addText('resumed', markdownTable(['from', 'to'], [[10, 25]]), 10);
for (let step = 0; step < 25; step++) second.subRun('val').addScalar('loss', 1.3 * loss(step), step);
await second.close();

const other = new SummaryWriter(join(logDir, 'other'), { scalarFormat: 'tensor' });
other.addHparams({ lr: 0.1, optimizer: 'sgd', nesterov: false, width: 32 }, { 'val/accuracy': 0.6 });
for (let step = 0; step < 25; step++) other.addScalar('loss', 2 * loss(step), step);
other.closeSync();
