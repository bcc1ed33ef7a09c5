/** A table of images and a folder per class from the command line: training, testing, predicting, and mistakes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { fileOf, kelvin, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();
const directory = temporaryDirectory();
const run = ['--log-dir', join(directory, 'runs'), '--seed', '1', '--no-progress'];
const folder = join(directory, 'eyes');
const csv = join(directory, 'train.csv');
const GRADES = ['healthy', 'mild', 'severe'];

/** Grades are shades of red; the healthy are many. */
beforeAll(async () => {
  const rows = ['id_code,diagnosis'];
  for (let i = 0; i < 60; i++) {
    const grade = i % 6 === 0 ? 2 : i % 3 === 0 ? 1 : 0;
    const name = GRADES[grade] as string;
    mkdirSync(join(folder, name), { recursive: true });
    const background = { r: 40 + 100 * grade, g: 20 + (i % 7), b: 10 };
    await sharp({ create: { width: 12, height: 10, channels: 3, background } })
      .png()
      .toFile(join(folder, name, `eye${i}.png`));
    rows.push(`eye${i},${name}`);
  }
  writeFileSync(csv, `${rows.join('\n')}\n`);
});

const table = () => ['--data', `csv:${csv}`, '--images', folder];
const small = ['--hidden', '8', '--batch-size', '10', '--learning-rate', '0.02'];
const last = (name: string) => join(directory, 'runs', name, 'version_0', 'checkpoints', 'last.ckpt');

describe('a table of images', () => {
  test('is learnt, tested and predicted, without labels too', async () => {
    const label = ['--label', 'diagnosis'];
    const uneven = ['--class-weights', 'balanced', '--focal-gamma', '1', '--metrics', 'kappa,auc,sensitivity'];
    const images = ['--size', '8', '--test-split', '0.2', '--augment', 'flip,rotate'];
    const more = [...images, ...uneven, '--monitor', 'val_kappa'];
    const fit = await kelvin('fit', ...table(), ...label, ...run, ...small, ...more, '--max-epochs', '12');
    expect(fit.code, fit.err).toBe(0);
    expect(fit.err).toContain('44 images to train, 4 to validate, 12 to test');
    expect(Number(/val_kappa +(\S+)/.exec(fit.out)?.[1])).toBeGreaterThan(0.9);

    const args = [...table(), '--ckpt', last('fit'), '--no-progress', '--test-split', '0.2'];
    const measured = ['--views', 'identity,flipVertical', '--metrics', 'specificity,calibration'];
    const tested = await kelvin('test', ...args, ...label, ...measured);
    expect(tested.code, tested.err).toBe(0);
    expect(Number(/test_acc +(\S+)/.exec(tested.out)?.[1])).toBeGreaterThan(0.9);
    expect(tested.out).toContain('test_calibration');
    expect(tested.out).toMatch(/test_specificity\/2 +1\n/);

    const out = join(directory, 'predictions.csv');
    const predicted = await kelvin('predict', ...args, '--out', out, '--workers', '1');
    expect(predicted.code, predicted.err).toBe(0);
    const [header, ...lines] = readFileSync(out, 'utf8').trimEnd().split('\n');
    expect(header).toBe('id,prediction,probability,probability_healthy,probability_mild,probability_severe');
    expect(lines.map((line) => line.split(',')[0])).toEqual(Array.from({ length: 60 }, (_, i) => `eye${i}`));
    const truth = new Map(
      readFileSync(csv, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(',') as [string, string]),
    );
    const right = lines
      .map((line) => line.split(','))
      .filter(([id, prediction]) => truth.get(id as string) === prediction);
    expect(right.length).toBeGreaterThan(54);
    for (const line of lines) {
      const [probability, ...shares] = line.split(',').slice(2).map(Number) as [number, ...number[]];
      expect(probability).toBe(Math.max(...shares));
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
    }

    const part = await kelvin('predict', ...args, ...label);
    expect(part.out.split('\n')[0]).toMatch(/^id,label,prediction/);
    expect(part.out.trim().split('\n')).toHaveLength(13);
    const unlabelled = await kelvin('test', ...args);
    expect(unlabelled.code).toBe(2);
    expect(unlabelled.err).toContain('error: --label: expected the column of the label, got none.');
  });

  test('mistakes are named', async () => {
    const attempt = (...args: string[]) => kelvin('fit', ...args, ...run);
    expect((await attempt('--data', `csv:${csv}`)).err).toBe(
      'error: --data csv:…: expected --images, the folder of the images.\n',
    );
    expect((await attempt(...table())).err).toContain('expected --label, the column of the label');
    expect((await attempt(...table(), '--label', 'diagnose')).err).toContain("there is no column 'diagnose'");
    expect((await attempt('--data', 'cvs:a.csv')).err).toContain('csv:FILE');
    expect((await attempt('--data', 'digits', '--augment', 'flip,spin')).err).toContain('spin');
    const broken = fileOf(directory, 'broken.csv', 'id_code,diagnosis', 'eye0,mild', 'eye99,mild');
    const { code, err } = await attempt('--data', `csv:${broken}`, '--images', folder, '--label', 'diagnosis');
    expect(code).toBe(1);
    expect(err).toContain("broken.csv row 3: there is no image 'eye99'");
  });
});

test('a folder per class is learnt and distilled', async () => {
  const args = ['--data', `folder:${folder}`, '--size', '6', ...run, ...small, '--max-epochs', '2'];
  const { code, err } = await kelvin(
    'fit',
    ...args,
    '--name',
    'folder',
    '--augment',
    'crop,color,erase,affine,vflip,randaugment',
    ...['--mixup', '0.2', '--cutmix', '1'],
  );
  expect(code, err).toBe(0);
  expect(err).toContain('images to train');
  const distilled = await kelvin('distill', ...args, '--teacher', last('folder'), '--name', 'small');
  expect(distilled.code, distilled.err).toBe(0);
});
