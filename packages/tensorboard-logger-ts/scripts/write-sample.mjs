/** Writes a log directory with every kind, twice as if resumed at step 10: `node write-sample.mjs <directory>`. */
import { encodePng, SummaryWriter } from '../dist/index.js';

const logDir = process.argv[2] ?? 'runs/sample';

const loss = (step) => 1 / (step + 1);
const checker = (size, channels) => {
  const data = new Uint8Array(size * size * channels);
  for (let i = 0; i < data.length; i++) data[i] = (i * 37) % 256;
  return { width: size, height: size, channels, data };
};

const first = new SummaryWriter(logDir);
first.addHparams({ lr: 0.01, optimizer: 'adam', nesterov: true, width: 64 }, { 'val/accuracy': 0.5 });
for (let step = 0; step < 20; step++) first.addScalar('loss', loss(step), step);
first.addScalar('odd', Number.NaN, 0);
first.addScalar('odd', Number.POSITIVE_INFINITY, 1);
first.addHistogram('weights', [-1, -0.5, 0, 0.5, 1, Number.NaN], 0);
first.addImages('grid', [checker(8, 3), checker(8, 4), encodePng(checker(8, 1))], 0);
first.addText('notes', '# Heading\n\n* a\n* **b** é', 0);
first.addText('rows', ['one', 'two'], 0);
await first.close('failure');

const second = new SummaryWriter(logDir, { purgeStep: 10 });
for (let step = 10; step < 25; step++) second.addScalar('loss', loss(step), step);
second.addScalar('odd', -1.5, 2 ** 33);
second.addScalars('val', { accuracy: 0.75 }, 24);
await second.close();
