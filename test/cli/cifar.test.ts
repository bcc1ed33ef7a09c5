/** CIFAR from the command line: an archive in its format is learnt, and mistakes are named. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { beforeAll, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { fileOf, kelvin, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();
const directory = temporaryDirectory();
const archive = join(directory, 'mine.tar.gz');

/** Classes are shades of red, green and blue; every image has a shade of its own. */
function records(count: number): Buffer {
  const planes = (label: number, shade: number) =>
    [0, 1, 2].map((plane) => Buffer.alloc(1024, plane === label ? 150 + shade : shade));
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => Buffer.concat([Buffer.of(i % 3), ...planes(i % 3, i % 50)])),
  );
}

beforeAll(async () => {
  const tar = pack();
  tar.entry({ name: 'cifar-10-batches-bin/batches.meta.txt' }, 'red\ngreen\nblue\n');
  for (let n = 1; n <= 5; n++) tar.entry({ name: `cifar-10-batches-bin/data_batch_${n}.bin` }, records(24));
  tar.entry({ name: 'cifar-10-batches-bin/test_batch.bin' }, records(30));
  tar.finalize();
  await pipeline(tar, createGzip(), createWriteStream(archive));
});

test('an archive is learnt, tested and predicted by the names of its classes', async () => {
  const run = ['--log-dir', join(directory, 'runs'), '--seed', '1', '--no-progress'];
  const net = ['--model', 'cnn', '--channels', '4', '--batch-size', '12', '--max-epochs', '4'];
  const learning = ['--learning-rate', '0.01', '--augment', 'flip,crop', '--mixup', '0.2'];
  const fit = await kelvin('fit', '--data', `cifar10:${archive}`, ...run, ...net, ...learning);
  expect(fit.code, fit.err).toBe(0);
  expect(fit.err).toContain('108 images to train, 12 to validate, 30 to test');
  const ckpt = join(directory, 'runs/fit/version_0/checkpoints/last.ckpt');
  const tested = await kelvin('test', '--data', `cifar10:${archive}`, '--ckpt', ckpt, '--no-progress');
  expect(Number(/test_acc +(\S+)/.exec(tested.out)?.[1])).toBeGreaterThan(0.8);
  const predicted = await kelvin('predict', '--data', `cifar10:${archive}`, '--ckpt', ckpt, '--no-progress');
  expect(predicted.out.split('\n')[0]).toMatch(/probability_red,probability_green,probability_blue$/);
});

test('what is no such archive says so', async () => {
  const other = fileOf(directory, 'other.tar.gz', 'no archive');
  const { code, err } = await kelvin('fit', '--data', `cifar10:${other}`, '--no-progress');
  expect([code, err.includes('other.tar.gz is a damaged archive')]).toEqual([1, true]);
});
