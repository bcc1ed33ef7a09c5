/** `kelvin validate` and `kelvin test`: measure a checkpoint. */
import type { Metrics } from '../../core/contracts.ts';
import type { EvaluationData } from '../../trainer/inputs.ts';
import type { Context } from '../command.ts';
import { EXIT, type ExitCode, UsageError } from '../exit.ts';
import type {
  DataSettings,
  EvaluationSettings,
  GeneralSettings,
  MetricSettings,
  ModuleSettings,
  ProfilingSettings,
} from '../settings.ts';
import { makeTask, prepared, type Task } from '../setup.ts';
import { makeEvaluator, printMetrics, reportProfile } from '../trainer.ts';
import { metricCallbacks } from '../uneven.ts';

type Settings = EvaluationSettings &
  MetricSettings &
  DataSettings &
  ModuleSettings &
  ProfilingSettings &
  GeneralSettings;

/** Measures, and prints the metrics. */
export function evaluate(stage: 'validate' | 'test', settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const task = await makeTask(
      settings,
      { checkpoint: settings.ckpt, model: undefined, views: settings.views },
      context,
    );
    try {
      const trainer = makeEvaluator(settings, context.io, metricCallbacks(settings, task.images));
      const data = evaluationData(stage, task);
      const options = { ckptPath: settings.ckpt };
      const results: Metrics[] =
        stage === 'validate'
          ? await trainer.validate(task.module, data, options)
          : await trainer.test(task.module, data, options);
      for (const metrics of results) printMetrics(metrics, context.io);
      reportProfile(trainer, context.io);
      return EXIT.done;
    } finally {
      task.module.dispose();
    }
  });
}

/** The loader of a stage, or the module's own data. */
export function evaluationData(stage: 'validate' | 'test', { images, datamodule }: Task): EvaluationData<never> {
  if (datamodule === undefined && stage === 'test' && images?.testLabels === undefined) {
    throw new UsageError('--label', { code: 'missing-label', expected: 'the column of the label', got: 'none' });
  }
  const data = datamodule ?? (stage === 'validate' ? images?.val : images?.test);
  if (data !== undefined) return data as unknown as EvaluationData<never>;
  throw new UsageError('--val-split', { code: 'no-validation-data', expected: 'a part above 0', got: '0' });
}
