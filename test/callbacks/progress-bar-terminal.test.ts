/** The progress bar on a terminal: what stays, what is drawn while an epoch runs, and what others print beside it. */
import { stripVTControlCharacters } from 'node:util';
import { LambdaCallback, ProgressBar, Trainer, type TrainerView } from 'kelvin';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { Steady, trainerOn, withoutLoss } from './bar.ts';
import { Screen } from './screen.ts';

assertFileLeaksNothing();

beforeEach(() => {
  vi.stubEnv('TERM', 'xterm');
  vi.stubEnv('NO_COLOR', '');
  vi.stubEnv('FORCE_COLOR', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('§2.1 C14 on a terminal a line stays for each epoch, and the bar is full', async () => {
  const screen = new Screen();
  const module = new Steady();
  const trainer = trainerOn(screen);
  await trainer.fit(module, boringLoader(3), boringLoader(2));
  await trainer.test(module, boringLoader(2));
  module.dispose();
  const bar = '━'.repeat(30);
  expect(screen.lines.map(withoutLoss)).toEqual([
    `epoch 1/2  ${bar}  3/3  T  R  loss L  val_acc 0.98`,
    `epoch 2/2  ${bar}  3/3  T  R  loss L  val_acc 0.98`,
    `test  ${bar}  2/2  T  R  test_acc 0.5`,
  ]);
  expect(screen.text).not.toContain('\u001b[?25l'); // the cursor is never hidden, so it cannot stay hidden
});

test('with `leave: false` only the last epoch stays', async () => {
  const screen = new Screen();
  const module = new Steady();
  await trainerOn(screen, { maxEpochs: 4 }, { leave: false }).fit(module, boringLoader(3));
  module.dispose();
  expect(screen.lines).toHaveLength(1);
  expect(screen.lines[0]).toContain('epoch 4/4');
});

test('while an epoch runs the screen shows how far it is, and validation below', async () => {
  const screen = new Screen();
  const seen: string[][] = [];
  const look = (): void => void seen.push(screen.lines.map(withoutLoss));
  const callbacks = new LambdaCallback({
    onTrainBatchEnd: look,
    onValidationBatchEnd: (_trainer, _module, _outputs, _batch, batchIdx) => {
      if (batchIdx === 1) look();
    },
    onSanityCheckEnd: look,
  });
  const module = new Steady();
  const flags = { maxEpochs: 1, numSanityValSteps: 1, callbacks };
  await trainerOn(screen, flags).fit(module, boringLoader(3), boringLoader(4));
  module.dispose();
  const full = '━'.repeat(30);
  expect(seen).toEqual([
    [],
    [`epoch 1/1  ${'━'.repeat(10)}${'─'.repeat(20)}  1/3  T  R  loss L`],
    [`epoch 1/1  ${'━'.repeat(20)}${'─'.repeat(10)}  2/3  T  R  loss L`],
    [`epoch 1/1  ${full}  3/3  T  R  loss L`],
    [`epoch 1/1  ${full}  3/3  T  R  loss L`, `validation  ${'━'.repeat(15)}${'─'.repeat(15)}  2/4  T  R`],
  ]);
});

test('a narrow terminal gets a shorter bar, then none, and never a line too long', async () => {
  for (const columns of [60, 40, 12]) {
    const screen = new Screen();
    screen.columns = columns;
    const module = new Steady();
    await trainerOn(screen, { maxEpochs: 1 }).fit(module, boringLoader(3), boringLoader(1));
    module.dispose();
    const plain = stripVTControlCharacters(screen.text);
    for (const line of plain.split('\n')) expect(line.length).toBeLessThan(columns);
    expect(plain.includes('━')).toBe(columns === 60);
  }
});

test('it draws no more often than it may, and reads nothing back in between', async () => {
  const screen = new Screen();
  const module = new Steady();
  let reads = 0;
  const watched = (trainer: TrainerView): TrainerView =>
    new Proxy(trainer, {
      get(target, name) {
        if (name === 'progressBarMetrics') reads++;
        return Reflect.get(target, name, target) as unknown;
      },
    });
  const bar = new ProgressBar({ stream: screen, refreshMs: 1e9 });
  const callbacks = new LambdaCallback({
    setup: () => bar.setup(),
    onTrainEpochStart: (trainer) => bar.onTrainEpochStart(watched(trainer)),
    onTrainBatchEnd: (trainer, ...rest) => bar.onTrainBatchEnd(watched(trainer), ...rest),
    onTrainEpochEnd: (trainer) => bar.onTrainEpochEnd(watched(trainer)),
  });
  const flags = { ...bare, barebones: false, logger: false, enableModelSummary: false, enableCheckpointing: false };
  await new Trainer({ ...flags, enableProgressBar: false, maxEpochs: 1, callbacks }).fit(module, boringLoader(50));
  module.dispose();
  expect(reads).toBe(3); // the first frame, the last batch, the end of the epoch
  expect(screen.frames).toBeLessThanOrEqual(3);
});

test('whatever happens, the line ends and what comes next stands below it', async () => {
  const endings = {
    exception: () => {
      throw new Error('broken batch');
    },
    stop: (trainer: TrainerView) => {
      trainer.shouldStop = true;
    },
  };
  for (const [name, ending] of Object.entries(endings)) {
    const screen = new Screen();
    const module = new Steady();
    const callbacks = new LambdaCallback({
      onTrainBatchEnd: (trainer, _module, _outputs, _batch, batchIdx) => {
        if (batchIdx === 1) ending(trainer);
      },
    });
    const trainer = trainerOn(screen, { callbacks });
    const fitting = trainer.fit(module, boringLoader(3));
    if (name === 'exception') await expect(fitting).rejects.toThrow('broken batch');
    else await fitting;
    module.dispose();
    screen.write('$ ');
    expect(screen.lines.map(withoutLoss)).toEqual([expect.stringContaining('2/3  T  R  loss L'), '$']);
  }
});

test('text can be printed above the bar', async () => {
  const screen = new Screen();
  const bar = new ProgressBar({ stream: screen, refreshMs: 0 });
  const callbacks = new LambdaCallback({
    onTrainBatchEnd: (_trainer, _module, _outputs, _batch, batchIdx) => bar.print(`batch ${batchIdx}`),
  });
  const module = new Steady();
  const trainer = new Trainer({
    ...bare,
    barebones: false,
    logger: false,
    enableModelSummary: false,
    enableCheckpointing: false,
    maxEpochs: 1,
    callbacks: [bar, callbacks],
  });
  await trainer.fit(module, boringLoader(2));
  module.dispose();
  expect(screen.lines).toEqual(['batch 0', 'batch 1', expect.stringMatching(/^epoch 1\/1 .* 2\/2 /)]);
});

test('what others print stays on the screen, above the bar, and the stream is as it was afterwards', async () => {
  const screen = new Screen();
  const callbacks = new LambdaCallback({
    onTrainBatchEnd: (_trainer, _module, _outputs, _batch, batchIdx) => {
      screen.write(`note ${batchIdx}\n`);
    },
  });
  const module = new Steady();
  await trainerOn(screen, { callbacks, maxEpochs: 2 }).fit(module, boringLoader(2), boringLoader(1));
  module.dispose();
  const notes = ['note 0', 'note 1'];
  expect(screen.lines).toEqual([
    ...notes,
    expect.stringMatching(/^epoch 1\/2 .* 2\/2 /),
    ...notes,
    expect.stringMatching(/^epoch 2\/2 .* 2\/2 /),
  ]);
  expect(Object.hasOwn(screen, 'write')).toBe(false);
});

test('colours follow the environment', async () => {
  const texts: string[] = [];
  for (const NO_COLOR of ['', '1']) {
    vi.stubEnv('NO_COLOR', NO_COLOR);
    const screen = new Screen();
    const module = new Steady();
    await trainerOn(screen, { maxEpochs: 1 }).fit(module, boringLoader(1));
    module.dispose();
    texts.push(screen.text);
  }
  expect(texts[0]).toContain('\u001b[1mepoch 1/1');
  expect(texts[1]).not.toContain('\u001b[1m');
  expect(texts[1]).not.toContain('\u001b[36m');
});

test('a loader without length has a count and no bar', async () => {
  const screen = new Screen();
  const { [Symbol.iterator]: iterate } = boringLoader(3);
  const module = new Steady();
  await trainerOn(screen, { maxEpochs: 1 }).fit(module, { [Symbol.iterator]: iterate });
  module.dispose();
  expect(screen.lines.map(withoutLoss)).toEqual(['epoch 1/1  3  T  R  loss L']);
});
