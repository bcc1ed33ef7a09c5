/** What the models say of a batch, counted. */
import { DataError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import type { ImageBatch } from '../../module/image-classification-model.ts';
import type { Contender } from './contender.ts';
import { logSoftmax, type Probabilities, Tally } from './tally.ts';

/** Adds a batch to every model's tally. */
export async function count(
  contenders: readonly Contender[],
  standard: number,
  batch: ImageBatch,
  tallies: Tally[],
  bins: number,
): Promise<void> {
  const { x, y } = batch;
  const labels = tf.tidy(() => (y.rank === 2 ? tf.argMax(y, 1) : y).dataSync().slice());
  const said: Probabilities[] = [];
  for (const one of contenders) {
    await one.prepare?.(batch);
    said.push(probabilitiesOf(one, x, labels.length));
  }
  const expected = said[standard] as Probabilities;
  said.forEach((own, i) => {
    if (own.classes !== expected.classes) throw otherClasses(contenders[i] as Contender, own, expected);
    tallies[i] ??= new Tally(own.classes, bins);
  });
  const outside = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < expected.classes));
  if (outside !== undefined) throw badLabel(outside, expected.classes);
  said.forEach((own, i) => {
    (tallies[i] as Tally).add(own, expected, labels);
  });
}

function probabilitiesOf({ name, logits }: Contender, x: tf.Tensor, samples: number): Probabilities {
  const output = tf.tidy(() => logits(x));
  try {
    if (output.rank !== 2 || output.shape[0] !== samples) throw wrongOutput(name, output, samples);
    return logSoftmax(output.dataSync(), output.shape[1] as number);
  } finally {
    output.dispose();
  }
}

function wrongOutput(name: string, output: tf.Tensor, samples: number): DataError {
  return new DataError(`evaluateDistillation: the output of \`${name}\``, {
    code: 'output-shape',
    expected: `logits of shape [${samples}, classes]`,
    got: `[${output.shape.join(', ')}]`,
  });
}

function otherClasses({ name }: Contender, own: Probabilities, expected: Probabilities): DataError {
  return new DataError(`evaluateDistillation: the output of \`${name}\``, {
    code: 'output-shape',
    expected: `${expected.classes} classes, as the reference gives`,
    got: String(own.classes),
  });
}

function badLabel(label: number, classes: number): DataError {
  return new DataError('evaluateDistillation: a label', {
    code: 'label-out-of-range',
    expected: `a whole number from 0 to ${classes - 1}`,
    got: String(label),
  });
}
