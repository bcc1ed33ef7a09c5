/** Options for data whose classes are uneven or ordered: what training makes of them, and what is measured. */
import { between, choices, group, words } from './option.ts';

/** What `kelvin fit` takes. */
export const LEARNING = group({
  title: 'Learning from few or uneven images:',
  section: 'model',
  options: {
    focalGamma: between(0, Number.POSITIVE_INFINITY)('focal loss that leaves easy images aside; customary: 2', {
      default: 0,
    }),
    mixup: between(0, Number.POSITIVE_INFINITY)('blend training images in pairs; customary: 0.2', { default: 0 }),
    cutmix: between(0, Number.POSITIVE_INFINITY)('put a part of one image into another; customary: 1', { default: 0 }),
    monitor: words('metric that tells the best checkpoint, the larger the better', {
      value: '<name>',
      defaultText: 'val_acc',
    }),
  },
});

/** The names that `--metrics` takes. */
export const METRIC_NAMES = ['kappa', 'auc', 'sensitivity', 'specificity', 'calibration'] as const;

/** What `kelvin fit`, `validate` and `test` take. */
export const METRICS = group({
  title: 'Metrics:',
  section: undefined,
  options: {
    metrics: choices(METRIC_NAMES)(
      `measure over all images, too: ${METRIC_NAMES.join(', ')} (kappa is weighted quadratically)`,
      { defaultText: 'none' },
    ),
  },
});
