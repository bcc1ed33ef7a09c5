/** What the options for uneven data ask for: loaders that mix images, and metrics of whole epochs. */
import { EpochMetricLogger } from '../callbacks/epoch-metric-logger.ts';
import type { Callback } from '../core/contracts.ts';
import { MixLoader } from '../data/augment/mix-loader.ts';
import type { DataLoader } from '../data/data-loader.ts';
import { CalibrationError, type EpochMetric } from '../metrics/epoch.ts';
import { QuadraticWeightedKappa, Sensitivity, Specificity } from '../metrics/grades.ts';
import { RocAuc } from '../metrics/roc-auc.ts';
import type { ImageData, Images } from './data.ts';
import { UsageError } from './exit.ts';
import type { LearningSettings, MetricSettings } from './settings.ts';
import type { Task } from './setup.ts';
import type { METRIC_NAMES } from './uneven-options.ts';

/** Options that a module of the user's own, or its data, would not see are a mistake. */
export function checkLearning({ focalGamma, mixup, cutmix }: LearningSettings, { builtIn, images }: Task): void {
  if (focalGamma > 0 && !builtIn) throw notForModule('--focal-gamma', 'the built-in classifier');
  if ((mixup > 0 || cutmix > 0) && !images) throw notForModule('--mixup and --cutmix', 'built-in data');
}

/** The training images as the options want them. */
export function mixed(
  loader: DataLoader<Images>,
  { mixup, cutmix }: LearningSettings,
  classes: number,
): DataLoader<Images> | MixLoader {
  return mixup > 0 || cutmix > 0 ? new MixLoader(loader, { classes, mixup, cutmix }) : loader;
}

/** A cache knows samples as the loader makes them. @throws UsageError `cached-mixing` */
export function checkCacheable({ mixup, cutmix }: LearningSettings): void {
  if (mixup === 0 && cutmix === 0) return;
  throw new UsageError('--cache-teacher', {
    code: 'cached-mixing',
    expected: 'no --mixup and no --cutmix beside it',
    got: mixup > 0 ? `--mixup ${mixup}` : `--cutmix ${cutmix}`,
    help: 'mixed images are new at each step, so the teacher has to be asked for each',
  });
}

/** The callbacks that measure what `--metrics` names. */
export function metricCallbacks({ metrics = [] }: MetricSettings, images: ImageData | undefined): Callback[] {
  if (metrics.length === 0) return [];
  if (!images) throw notForModule('--metrics', 'built-in data');
  const { classes } = images;
  return [new EpochMetricLogger(Object.fromEntries(metrics.map((name) => [name, make(name, classes)])))];
}

function make(name: (typeof METRIC_NAMES)[number], classes: number): EpochMetric<number | readonly number[]> {
  switch (name) {
    case 'kappa':
      return new QuadraticWeightedKappa(classes);
    case 'auc':
      return new RocAuc();
    case 'sensitivity':
      return new Sensitivity(classes);
    case 'specificity':
      return new Specificity(classes);
    case 'calibration':
      return new CalibrationError();
    default:
      return name satisfies never;
  }
}

const notForModule = (option: string, expected: string): UsageError =>
  new UsageError(option, { code: 'not-for-module', expected, got: 'a module or data of your own' });
