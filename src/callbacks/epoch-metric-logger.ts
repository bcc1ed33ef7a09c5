/** EpochMetricLogger: metrics that only a whole epoch has, such as kappa, under names that monitors can watch. */
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { EpochMetric } from '../metrics/epoch.ts';
import { labelsOf, logitsOf } from './classified.ts';

/** Metrics by name; those with a number per class are logged as `name/0`, `name/1`, … */
export type NamedMetrics<N extends string = string> = Readonly<Record<N, EpochMetric<number | readonly number[]>>>;

/**
 * Feeds metrics with the batches of validation and test, and logs them at the end as `val_name` and `test_name`. A value
 * that there is none of, such as the sensitivity of a class without samples, is not logged.
 *
 * Where the step returns the logits (or `{ logits }`) those are used; else each batch is computed again.
 *
 * @throws ConfigError `invalid-option`, `not-a-classifier`
 *
 * @example
 * ```ts
 * const metrics_ = { kappa: new metrics.QuadraticWeightedKappa(5), auc: new metrics.RocAuc() };
 * new Trainer({
 *   callbacks: [new EpochMetricLogger(metrics_), new ModelCheckpoint({ monitor: 'val_kappa', mode: 'max' })],
 * });
 * ```
 */
export class EpochMetricLogger<N extends string = string> implements Callback {
  readonly metricNames: readonly (`val_${N}` | `val_${N}/*`)[];
  readonly #metrics: NamedMetrics;

  constructor(metrics: NamedMetrics<N>) {
    for (const [name, metric] of Object.entries(metrics ?? { metrics })) {
      if (metric instanceof EpochMetric) continue;
      throw new ConfigError(`EpochMetricLogger: \`${name}\``, {
        code: 'invalid-option',
        expected: 'a metric such as new metrics.RocAuc()',
        got: show(metric),
      });
    }
    this.#metrics = metrics;
    const names = Object.keys(metrics) as N[];
    this.metricNames = names.flatMap((name) => [`val_${name}` as const, `val_${name}/*` as const]);
  }

  onValidationStart(): void {
    this.#reset();
  }

  onTestStart(): void {
    this.#reset();
  }

  onValidationBatchEnd(_: TrainerView, module: ModuleView, outputs: unknown, batch: unknown): void {
    this.#update(module, outputs, batch);
  }

  onTestBatchEnd(_: TrainerView, module: ModuleView, outputs: unknown, batch: unknown): void {
    this.#update(module, outputs, batch);
  }

  onValidationEpochEnd(_: TrainerView, module: ModuleView): void {
    this.#log('val', module);
  }

  onTestEpochEnd(_: TrainerView, module: ModuleView): void {
    this.#log('test', module);
  }

  #reset(): void {
    for (const metric of Object.values(this.#metrics)) metric.reset();
  }

  #update(module: ModuleView, outputs: unknown, batch: unknown): void {
    tf.tidy(() => {
      const logits = logitsOf('EpochMetricLogger', module, outputs, batch);
      const labels = labelsOf('EpochMetricLogger', module, batch);
      for (const metric of Object.values(this.#metrics)) metric.update(logits, labels);
    });
  }

  #log(prefix: 'val' | 'test', module: ModuleView): void {
    for (const [name, metric] of Object.entries(this.#metrics)) {
      const value = metric.compute();
      const values: [string, number][] =
        typeof value === 'number' ? [[name, value]] : value.map((each, i) => [`${name}/${i}`, each]);
      for (const [key, number] of values) if (Number.isFinite(number)) module.log(`${prefix}_${key}`, number);
    }
  }
}
