import { ProgressBar } from 'kelvin';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Steady, trainerOn, withoutLoss } from './bar.ts';
import { Paper, Screen } from './screen.ts';

assertFileLeaksNothing();

beforeEach(() => {
  vi.stubEnv('TERM', 'xterm');
  vi.stubEnv('NO_COLOR', '');
  vi.stubEnv('FORCE_COLOR', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('§2.1 C14 not on a terminal: a line per epoch and per run, without escapes', async () => {
  const paper = new Paper();
  await expectNoLeak(async () => {
    const module = new Steady();
    const trainer = trainerOn(paper);
    await trainer.fit(module, boringLoader(3), boringLoader(2));
    await trainer.validate(module, boringLoader(2));
    await trainer.test(module, boringLoader(1));
    await trainer.predict(module, boringLoader(4), { returnPredictions: false });
    module.dispose();
  });
  expect(withoutLoss(paper.normalized)).toBe(
    [
      'epoch 1/2  3 batches  T  R  loss L  val_acc 0.98',
      'epoch 2/2  3 batches  T  R  loss L  val_acc 0.98',
      'validation  2 batches  T  R  val_acc 0.98  hidden 3',
      'test  1 batch  T  R  test_acc 0.5',
      'predict  4 batches  T  R',
      '',
    ].join('\n'),
  );
});

test('the loss gives way to a metric named like it', async () => {
  const paper = new Paper();
  class Named extends BoringModule {
    override trainingStep(batch: never) {
      const loss = super.trainingStep(batch);
      this.log('loss', 0.25, { progBar: true });
      return loss;
    }
  }
  const module = new Named();
  await trainerOn(paper, { maxEpochs: 1 }).fit(module, boringLoader(1));
  module.dispose();
  expect(paper.normalized).toBe('epoch 1/1  1 batch  T  R  loss 0.25\n');
});

test('numbers are short', async () => {
  const paper = new Paper();
  class Numbers extends BoringModule {
    override trainingStep(batch: never) {
      const values = {
        loss: 0.98127,
        tiny: -1.2345e-5,
        large: 123456789,
        count: 12,
        third: 1 / 3,
        nan: Number.NaN,
        zero: 0,
      };
      this.logDict(values, { progBar: true });
      return super.trainingStep(batch);
    }
  }
  const module = new Numbers();
  await trainerOn(paper, { maxEpochs: 1 }).fit(module, boringLoader(1));
  module.dispose();
  expect(paper.text.split('  ').slice(4).join(' ')).toBe(
    'loss 0.9813 tiny -1.23e-5 large 1.23e8 count 12 third 0.3333 nan NaN zero 0\n',
  );
});

test('a terminal that cannot draw over lines gets plain ones', async () => {
  const sizeless = new Screen();
  sizeless.columns = 0;
  const dumb = new Screen();
  for (const screen of [sizeless, dumb]) {
    if (screen === dumb) vi.stubEnv('TERM', 'dumb');
    const module = new Steady();
    await trainerOn(screen, { maxEpochs: 1 }).fit(module, boringLoader(2));
    module.dispose();
    expect(withoutLoss(screen.normalized)).toBe('epoch 1/1  2 batches  T  R  loss L\n');
  }
});

test('options are checked', () => {
  expect(() => new ProgressBar({ refreshRate: 1 } as never)).toThrow('ProgressBar: unknown option `refreshRate`');
  expect(() => new ProgressBar({ refreshMs: -1 })).toThrow('option `refreshMs`: expected a number of at least 0');
  expect(() => new ProgressBar({ stream: 'stderr' as never })).toThrow(
    'option `stream`: expected a stream to write to',
  );
});
