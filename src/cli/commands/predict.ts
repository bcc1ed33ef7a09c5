/** `kelvin predict`: predictions as csv, on stdout or in a file. */
import { writeFileSync } from 'node:fs';
import { ConfigError, show } from '../../core/errors.ts';
import { disposeTensors } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import type { EvaluationData } from '../../trainer/inputs.ts';
import type { Context } from '../command.ts';
import type { ImageData } from '../data.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { note, say } from '../io.ts';
import type {
  DataSettings,
  EvaluationSettings,
  GeneralSettings,
  ModuleSettings,
  PredictionSettings,
  ProfilingSettings,
} from '../settings.ts';
import { makeTask, prepared, type Task } from '../setup.ts';
import { makeEvaluator, reportProfile } from '../trainer.ts';

type Settings = PredictionSettings &
  EvaluationSettings &
  DataSettings &
  ModuleSettings &
  ProfilingSettings &
  GeneralSettings;

/**
 * Predicts the test images; all of a table without labels. Of the built-in classifier a line holds id or index, label
 * where it is known, predicted class, its probability, and that of each class; of other modules index and outputs.
 */
export function predict(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const task = await makeTask(
      settings,
      { checkpoint: settings.ckpt, model: undefined, views: settings.views },
      context,
    );
    let outputs: unknown[] = [];
    try {
      const trainer = makeEvaluator(settings, context.io);
      outputs = await trainer.predict(task.module, predictionData(task), { ckptPath: settings.ckpt });
      const rows = outputs.flatMap(rowsOf);
      const lines = task.builtIn && task.images ? classLines(rows, task.images) : outputLines(rows);
      write(lines, settings.out, context);
      reportProfile(trainer, context.io);
      return EXIT.done;
    } finally {
      disposeTensors(outputs);
      task.module.dispose();
    }
  });
}

function rowsOf(output: unknown): number[][] {
  if (!(output instanceof tf.Tensor)) {
    throw new ConfigError('kelvin predict', {
      code: 'unprintable-prediction',
      expected: '`predictStep` to return a tensor whose first axis is the batch',
      got: show(output),
    });
  }
  const values = output.dataSync();
  const batch = output.shape[0] ?? 1;
  const width = values.length / batch;
  return Array.from({ length: batch }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width)));
}

function predictionData({ images, datamodule }: Task): EvaluationData<never> {
  return (datamodule ?? images?.test) as unknown as EvaluationData<never>;
}

function classLines(rows: readonly number[][], { testIds, testLabels, classNames, classes }: ImageData): string[] {
  const nameOf = (index: number): string => quoted(classNames?.[index] ?? String(index));
  const lines = rows.map((probabilities, i) => {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const known = testLabels ? [nameOf(testLabels[i] as number)] : [];
    const shares = [probabilities[best] as number, ...probabilities].map((share) => share.toFixed(6));
    return [quoted(testIds?.[i] ?? String(i)), ...known, nameOf(best), ...shares].join(',');
  });
  const each = Array.from({ length: classes }, (_, i) => quoted(`probability_${classNames?.[i] ?? i}`));
  const label = testLabels ? ['label'] : [];
  return [[testIds ? 'id' : 'index', ...label, 'prediction', 'probability', ...each].join(','), ...lines];
}

/** A cell of a csv file (RFC 4180). */
const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function outputLines(rows: readonly number[][]): string[] {
  const header = ['index', ...(rows[0] ?? []).map((_, i) => `output_${i}`)].join(',');
  return [header, ...rows.map((row, i) => [i, ...row].join(','))];
}

function write(lines: readonly string[], out: string | undefined, { io }: Context): void {
  if (out === undefined) {
    say(io, ...lines);
    return;
  }
  writeFileSync(out, `${lines.join('\n')}\n`);
  note(io, `${lines.length - 1} predictions written to ${out}`);
}
