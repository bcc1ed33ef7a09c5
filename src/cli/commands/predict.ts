/** `kelvin predict`: predictions as csv, on stdout or in a file. */
import { writeFileSync } from 'node:fs';
import { ConfigError, show } from '../../core/errors.ts';
import { disposeTensors } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import type { Context } from '../command.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { note, say } from '../io.ts';
import type {
  DataSettings,
  EvaluationSettings,
  GeneralSettings,
  ModuleSettings,
  PredictionSettings,
} from '../settings.ts';
import { makeTask, prepared } from '../setup.ts';
import { makeEvaluator } from '../trainer.ts';
import { evaluationData } from './evaluate.ts';

type Settings = PredictionSettings & EvaluationSettings & DataSettings & ModuleSettings & GeneralSettings;

/**
 * Predicts the test images. Of the built-in classifier a line holds index, label, predicted class and its probability;
 * of other modules index and outputs.
 */
export function predict(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const task = await makeTask(settings, { checkpoint: settings.ckpt, model: undefined }, context);
    let outputs: unknown[] = [];
    try {
      const trainer = makeEvaluator(settings, context.io);
      outputs = await trainer.predict(task.module, evaluationData('test', task), { ckptPath: settings.ckpt });
      const rows = outputs.flatMap(rowsOf);
      const labels = task.images?.testLabels;
      const lines = task.builtIn && labels ? classLines(rows, labels) : outputLines(rows);
      write(lines, settings.out, context);
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

function classLines(rows: readonly number[][], labels: ArrayLike<number>): string[] {
  const lines = rows.map((probabilities, i) => {
    const best = probabilities.indexOf(Math.max(...probabilities));
    return `${i},${labels[i]},${best},${(probabilities[best] as number).toFixed(6)}`;
  });
  return ['index,label,prediction,probability', ...lines];
}

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
