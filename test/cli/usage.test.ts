/** Help, exit codes and the errors of wrong use. */
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { kelvin } from './support.ts';

assertFileLeaksNothing();

test('the help lists the commands and says where to start', async () => {
  const { code, out } = await kelvin('--help');
  expect(code).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "Usage: kelvin [options] [command]

    Train and distil neural networks with TensorFlow.js.

    Options:
      --version                  print the version
      -h, --help                 display help for command

    Commands:
      fit [options]              Train a model, with checkpoints and TensorBoard files.
      check [options]            Try a training without doing it: shapes, metrics, steps, mistakes.
      validate [options]         Measure a checkpoint on the validation images.
      test [options]             Measure a checkpoint on the test images.
      predict [options]          Predict the test images with a checkpoint, as csv.
      distill [options]          Train a small student from a large teacher, and compare the two.
      devices [options]          Show which engines can compute here, which one is used, and what the
                                 others lack.
      native [options] [action]  Build native TensorFlow for this machine, show what is built, or remove
                                 it.
      summary [options]          Show the parts of a model and their parameters.
      board [options] [dir]      Show runs: in TensorBoard where Python has it, else on a page of its
                                 own.
      help [command]             display help for command

    Start here:
      $ kelvin devices
      $ kelvin fit --data digits
      $ kelvin <command> --help
    "
  `);
});

test('the help of a command groups its options, names their defaults and ends with an example', async () => {
  const { code, out } = await kelvin('predict', '--help');
  expect(code).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "Usage: kelvin predict [options]

    Predict the test images with a checkpoint, as csv.

    Output:
      --out <file>                     csv file for the predictions (default: printed)

    Evaluation:
      --ckpt <ckpt>                    checkpoint with the weights; the built-in model is rebuilt from
                                       it
      --views <name,…>                 average over views of each image (built-in model): identity,
                                       flipHorizontal, flipVertical, rotate90, rotate180, rotate270
                                       (default: identity)
      --limit-test-batches <n|%>       batches to use: a count or a percentage (default: 100%)

    Data:
      --data <source>                  mnist: handwritten digits, fetched once; digits: drawn by Kelvin
                                       itself; idx: four idx files in --data-dir; cifar10[:DIR],
                                       cifar100[:DIR], or a tar.gz of that format; folder:DIR, a folder
                                       per class; csv:FILE, a table of the images in --images (default:
                                       mnist, or digits when MNIST cannot be had)
      --images <path>                  folder of the images (csv only)
      --id <column>                    column that names the image (csv only) (default: the first)
      --label <column>                 column of the label (csv only); predict does without
      --size <n>                       height and width that images are brought to (csv, folder)
                                       (default: the checkpoint's, else 64)
      --fit <crop|letterbox|stretch>   how they are brought to it (default: crop)
      --test-split <x>                 part that is kept for testing (csv, folder without train and
                                       test) (default: 0.1)
      --class-weights <none|balanced>  weigh rare classes as much as common ones (default: none)
      --augment <name,…>               change training images at random: flip, vflip, rotate, affine,
                                       crop, color, erase, randaugment (default: none)
      --workers <n>                    workers that read and augment images (default: 0)
      --data-dir <path>                directory of the data files (default: KELVIN_DATA_DIR, then the
                                       user cache)
      --classes <n>                    number of classes (idx only) (default: 10)
      --batch-size <n>                 images per batch (default: 128)
      --val-split <x>                  part of the training images that is kept for validation (default:
                                       0.1)
      --train-samples <n>              use only the first n training images (default: all)
      --test-samples <n>               use only the first n test images (default: all)
      --jitter <n>                     shift training images at random by up to n pixels (default: 0)

    Your own module:
      --module <file>                  file whose default export is a LightningModule class, or a
                                       function that makes one
      --hparams <key=value>            hyper-parameter for the module; may be repeated

    General options:
      --profiler <simple|chrome>       measure what takes how long: as a table, or as a time line for
                                       Perfetto (default: measure nothing)
      --engine <name>                  engine that computes; see \`kelvin devices\` (default:
                                       KELVIN_ENGINE, else the fastest)
      --seed <n>                       make the run repeatable (default: another run each time)
      --no-progress                    show no progress bars
      --config <file>                  YAML file with these options; the command line goes before it
      --debug                          show where errors come from (also KELVIN_DEBUG=1)
      -h, --help                       show this help

    Examples:
      $ kelvin predict --ckpt runs/fit/version_0/checkpoints/last.ckpt --out predictions.csv
    "
  `);
});

test('every command has an example of its own', async () => {
  for (const name of ['fit', 'validate', 'test', 'predict', 'distill', 'devices', 'summary', 'board']) {
    const { code, out } = await kelvin(name, '--help');
    expect(code).toBe(0);
    expect(out).toContain(`  $ kelvin ${name}`);
  }
});

test('--version prints the version', async () => {
  const { code, out } = await kelvin('--version');
  expect(code).toBe(0);
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('without a command it shows the help and fails', async () => {
  const { code, err } = await kelvin();
  expect(code).toBe(2);
  expect(err).toContain('Usage: kelvin');
});

test.each([
  [['fti'], "error: unknown command 'fti'\n(Did you mean fit?)\n"],
  [['fit', '--max-epoch', '3'], "error: unknown option '--max-epoch'\n(Did you mean --max-epochs?)\n"],
  [['fit', 'run.yaml'], "error: too many arguments for 'fit'. Expected 0 arguments but got 1.\n"],
  [
    ['fit', '--max-epochs', 'ten'],
    "error: option '--max-epochs <n>' argument 'ten' is invalid. Expected a whole number of at least 1, or with its unit, such as '3ep'.\n",
  ],
  [
    ['fit', '--max-epochs', ''],
    "error: option '--max-epochs <n>' argument '' is invalid. Expected a whole number of at least 1, or with its unit, such as '3ep'.\n",
  ],
  [
    ['fit', '--hidden', '8,,8'],
    "error: option '--hidden <n,n,…>' argument '8,,8' is invalid. Expected whole numbers of at least 1, separated by commas.\n",
  ],
  [
    ['fit', '--limit-train-batches', '200%'],
    "error: option '--limit-train-batches <n|%>' argument '200%' is invalid. Expected a count of at least 0, such as 10 or '10ba', or a percentage such as '25%'.\n",
  ],
  [
    ['fit', '--model', 'rnn'],
    "error: option '--model <mlp|cnn|depthwise>' argument 'rnn' is invalid. Expected 'mlp' or 'cnn' or 'depthwise'.\n",
  ],
  [['test'], 'error: a checkpoint is needed: expected --ckpt <path>, got none.\n'],
  [['fit', '--hparams', 'lr=1'], 'error: --hparams: expected --module beside it, got none.\n'],
  [['fit', '--data', 'idx'], 'error: --data idx: expected --data-dir, a directory with four idx files.\n'],
  [['summary', '--inputs', '28,28'], 'error: --inputs: expected height,width,channels, got 28,28.\n'],
])('%j is wrong use', async (args, message) => {
  const { code, out, err } = await kelvin(...args);
  expect({ code, out, err }).toEqual({ code: 2, out: '', err: message });
});

test('what fails for another reason fails with 1, and shows its stack on demand', async () => {
  const args = ['summary', '--ckpt', '/nowhere/last.ckpt'];
  const plain = await kelvin(...args);
  expect(plain.code).toBe(1);
  expect(plain.err).toBe('error: There is no checkpoint /nowhere/last.ckpt.\n  help: no checkpoints lie in /nowhere\n');
  const debug = await kelvin(...args, '--debug');
  expect(debug.code).toBe(1);
  expect(debug.err).toMatch(
    /^CheckpointError: There is no checkpoint[\s\S]+\n {4}at .*store\.ts[\s\S]+caused by: Error: ENOENT/,
  );
});

test('devices shows which engine is used and what the others lack', async () => {
  const { code, out } = await kelvin('devices', '--engine', 'wasm');
  expect(code).toBe(0);
  expect(out).toMatch(/^engine +state +version +runs on\n/);
  expect(out).toMatch(/^wasm +used +\d+\.\d+\.\d+ +(relaxed )?SIMD, \d+ threads?$/m);
  expect(out).toContain('cpu: for debugging: runs only when asked for');
});

test('summary shows a model without training it', async () => {
  const { code, out } = await kelvin(
    'summary',
    '--model',
    'cnn',
    '--channels',
    '4,8',
    '--inputs',
    '32,32,3',
    '--classes',
    '5',
  );
  expect(code).toBe(0);
  expect(out).toMatch(/Conv2D +\[\?, 32, 32, 4\]/);
  expect(out).toMatch(/Dense +\[\?, 5\] +45 +45 +180 B +40\n/);
});
