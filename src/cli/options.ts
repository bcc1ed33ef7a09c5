/** All options of the command line, in groups. Configuration files take the same names. */
import { ENGINE_NAMES } from '../engine/types.ts';
import { VIEW_KINDS } from '../module/view-kinds.ts';
import { DISTILLATION } from './distillation-options.ts';
import {
  between,
  choice,
  choices,
  count,
  countOf,
  flag,
  group,
  interval,
  limit,
  type OptionGroup,
  path,
  positive,
  repeated,
  sizes,
  source,
  switchOff,
  time,
  words,
} from './option.ts';
import { LEARNING, METRICS } from './uneven-options.ts';

/** What every command that computes takes. */
export const GENERAL = group({
  title: 'General options:',
  section: undefined,
  options: {
    engine: choice(['auto', ...ENGINE_NAMES])('engine that computes; see `kelvin devices`', {
      value: '<name>',
      defaultText: 'KELVIN_ENGINE, else the fastest',
    }),
    seed: count()('make the run repeatable', { defaultText: 'another run each time' }),
    progress: switchOff('show no progress bars'),
  },
});

/** The names that `--augment` takes. */
export const AUGMENTATIONS = ['flip', 'vflip', 'rotate', 'affine', 'crop', 'color', 'erase', 'randaugment'] as const;

export const DATA = group({
  title: 'Data:',
  section: 'data',
  options: {
    data: source(
      'mnist: handwritten digits, fetched once; digits: drawn by Kelvin itself; idx: four idx files in --data-dir; ' +
        'cifar10[:DIR], cifar100[:DIR], or a tar.gz of that format; folder:DIR, a folder per class; csv:FILE, a table of the images in --images',
      { defaultText: 'mnist, or digits when MNIST cannot be had' },
    ),
    images: path('folder of the images (csv only)'),
    id: words('column that names the image (csv only)', { value: '<column>', defaultText: 'the first' }),
    label: words('column of the label (csv only); predict does without', { value: '<column>' }),
    size: count(1)('height and width that images are brought to (csv, folder)', {
      defaultText: "the checkpoint's, else 64",
    }),
    fit: choice(['crop', 'letterbox', 'stretch'])('how they are brought to it', { default: 'crop' }),
    testSplit: between(0, 1)('part that is kept for testing (csv, folder without train and test)', { default: 0.1 }),
    classWeights: choice(['none', 'balanced'])('weigh rare classes as much as common ones', { default: 'none' }),
    augment: choices(AUGMENTATIONS)(`change training images at random: ${AUGMENTATIONS.join(', ')}`, {
      defaultText: 'none',
    }),
    workers: count()('workers that read and augment images', { default: 0 }),
    dataDir: path('directory of the data files', { defaultText: 'KELVIN_DATA_DIR, then the user cache' }),
    classes: count(2)('number of classes (idx only)', { default: 10 }),
    batchSize: count(1)('images per batch', { default: 128 }),
    valSplit: between(0, 0.9)('part of the training images that is kept for validation', { default: 0.1 }),
    trainSamples: count(1)('use only the first n training images', { defaultText: 'all' }),
    testSamples: count(1)('use only the first n test images', { defaultText: 'all' }),
    jitter: count()('shift training images at random by up to n pixels', { default: 0 }),
  },
});

export const MODULE = group({
  title: 'Your own module:',
  section: undefined,
  options: {
    module: path('file whose default export is a LightningModule class, or a function that makes one', {
      value: '<file>',
    }),
    hparams: repeated(words('hyper-parameter for the module; may be repeated', { value: '<key=value>' })),
  },
});

export const MODEL = group({
  title: 'Built-in image classifier:',
  section: 'model',
  options: {
    model: choice(['mlp', 'cnn', 'depthwise'])('kind of network', { value: '<mlp|cnn|depthwise>', default: 'mlp' }),
    hidden: sizes('units of the hidden layers (mlp)', { default: [400, 400] }),
    channels: sizes('channels of the convolutions (cnn, depthwise)', { default: [16, 32] }),
    stemStride: count(1)('stride of the first convolution (depthwise)', { default: 1 }),
    dropout: between(0, 0.95)('dropout rate', { default: 0 }),
    learningRate: positive('learning rate', { default: 1e-3 }),
    optimizer: choice(['adam', 'adamw', 'sgd'])('optimizer', { value: '<adam|adamw|sgd>', default: 'adam' }),
    weightDecay: between(0, Number.POSITIVE_INFINITY)('weight decay', { default: 0 }),
    lrSchedule: choice(['cosine', 'constant'])('how the learning rate changes', { default: 'cosine' }),
    warmupSteps: count()('steps over which the learning rate rises at first', { default: 0 }),
    labelSmoothing: between(0, 1)('label smoothing', { default: 0 }),
  },
});

export const TRAINER = group({
  title: 'Training:',
  section: 'trainer',
  options: {
    maxEpochs: countOf('ep', 1)('epochs to train', { default: 10 }),
    maxSteps: countOf('st', 1)('optimizer steps after which to stop', { defaultText: 'no limit' }),
    maxTime: time('time after which to stop, such as 30min', { defaultText: 'no limit' }),
    gradientClipVal: positive('clip gradients to this norm', { defaultText: 'no clipping' }),
    gradientClipAlgorithm: choice(['norm', 'value'])('clip by norm or by value', { default: 'norm' }),
    accumulateGradBatches: count(1)('batches per optimizer step', { default: 1 }),
    limitTrainBatches: limit('training batches per epoch: a count or a percentage', { default: '100%' }),
    limitValBatches: limit('validation batches: a count or a percentage', { default: '100%' }),
    valCheckInterval: interval('validate after so many training batches, or so much time', { default: '100%' }),
    checkValEveryNEpoch: count(1)('validate every n epochs', { default: 1 }),
    logEveryNSteps: countOf('st')('log a row every n steps', { default: 50 }),
    fastDevRun: flag('run one batch of everything, log and save nothing: does it work at all?'),
  },
});

/** What every command takes that runs a module. */
export const PROFILING = group({
  title: GENERAL.title,
  section: 'trainer',
  options: {
    profiler: choice(['simple', 'chrome'])('measure what takes how long: as a table, or as a time line for Perfetto', {
      defaultText: 'measure nothing',
    }),
  },
});

export const OUTPUT = group({
  title: 'Output:',
  section: 'trainer',
  options: {
    logDir: path('directory for TensorBoard files and checkpoints', { default: 'runs' }),
    name: words('name of the experiment, a directory below --log-dir', { value: '<name>', defaultText: 'the command' }),
  },
});

export const RESUME = group({
  title: 'Resuming:',
  section: undefined,
  options: { resume: path('go on from this checkpoint; the built-in model is rebuilt from it', { value: '<ckpt>' }) },
});

export const RESUME_DISTILLATION = group({
  title: 'Resuming:',
  section: undefined,
  options: { resume: flag('go on with the newest distillation of this --name, given the same options') },
});

export const EVALUATION = group({
  title: 'Evaluation:',
  section: undefined,
  options: {
    ckpt: path('checkpoint with the weights; the built-in model is rebuilt from it', { value: '<ckpt>' }),
    views: choices(VIEW_KINDS)(`average over views of each image (built-in model): ${VIEW_KINDS.join(', ')}`, {
      default: ['identity'],
    }),
    limitTestBatches: limit('batches to use: a count or a percentage', { default: '100%' }),
  },
});

export const PREDICTIONS = group({
  title: 'Output:',
  section: undefined,
  options: { out: path('csv file for the predictions', { value: '<file>', defaultText: 'printed' }) },
});

export const SUMMARY = group({
  title: 'Summary:',
  section: undefined,
  options: {
    ckpt: path('show the built-in model of this checkpoint', { value: '<ckpt>' }),
    inputs: sizes('height, width and channels of an image', { default: [28, 28, 1] }),
    classes: count(2)('number of classes', { default: 10 }),
    depth: count(0)('how deep to look into models', { default: 1 }),
  },
});

/** Every group: what a configuration file may hold, whichever command reads it. */
export const ALL_GROUPS: readonly OptionGroup[] = [
  GENERAL,
  DATA,
  MODULE,
  MODEL,
  LEARNING,
  METRICS,
  TRAINER,
  PROFILING,
  OUTPUT,
  RESUME,
  EVALUATION,
  PREDICTIONS,
  DISTILLATION,
  SUMMARY,
];
