/**
 * Compares models on a test set: what distillation is judged by. Errors are counted exactly, sizes are exact, times are
 * measured on the engine that runs.
 */
import { z } from 'zod';
import { ConfigError, DataError } from '../core/errors.ts';
import { parseOptions, text, wholeNumber } from '../core/options.ts';
import { disposeTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { startEngine } from '../engine/start.ts';
import type { ImageBatch } from '../module/image-classification-model.ts';
import { type ComparedModel, type Contender, contender } from './compared-model.ts';
import { type Timing, timeModels } from './stopwatch.ts';

/** One model's line of the comparison. */
export interface ModelComparison extends Timing {
  readonly name: string;
  /** Wrongly classified samples of the test set, and how many samples there are. */
  readonly errors: number;
  readonly samples: number;
  /** Correctly classified share, 0 to 1. */
  readonly accuracy: number;
  /** All weights, those included that are not trained. */
  readonly parameters: number;
  /** Size of the weights. */
  readonly bytes: number;
  /** How many times smaller and, for one sample, faster than the reference. */
  readonly sizeReduction: number;
  readonly speedUp: number;
  /** Share of the samples for which it says what the reference says, right or wrong. */
  readonly agreement: number;
}

/** Options of {@link compareModels}. */
export interface ComparisonOptions {
  /** The model that the others are compared with. Default: the first, the teacher. */
  reference?: string | undefined;
  /** Timed forward passes per model. Default 100. */
  runs?: number | undefined;
  /** Forward passes per model before anything is timed. Default 20. */
  warmUp?: number | undefined;
}

const schema = z.strictObject({
  reference: text('the name of a model').optional(),
  runs: wholeNumber(1).default(100),
  warmUp: wholeNumber(0).default(20),
});

/**
 * Compares models on one test set, in one walk through it. Latency is that of the first sample alone, throughput that of
 * the first batch; both include reading the result back. The models are left in the mode they were in.
 *
 * @param models by name, the teacher first
 * @param loader batches `{ x, y }` with labels `[batch]` or class probabilities `[batch, classes]`
 * @throws ConfigError `no-models`, `unknown-reference`, `invalid-model`; DataError `empty-loader`, `output-shape`
 *
 * @example
 * ```ts
 * const rows = await compareModels({ teacher, student }, new DataLoader(test, { batchSize: 256 }));
 * console.log(comparisonTable(rows));
 * ```
 */
export async function compareModels(
  models: Readonly<Record<string, ComparedModel>>,
  loader: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  options: ComparisonOptions = {},
): Promise<ModelComparison[]> {
  const { reference, ...timing } = parseOptions('compareModels', schema, options);
  const names = Object.keys(models);
  const standard = checkReference(names, reference);
  await startEngine();
  const contenders: Contender[] = [];
  let timed: tf.Tensor | undefined;
  try {
    for (const name of names) contenders.push(contender(name, models[name] as ComparedModel));
    const tally = { samples: 0, errors: names.map(() => 0), agreed: names.map(() => 0) };
    for await (const batch of loader) {
      try {
        count(contenders, standard, batch, tally);
        timed ??= tf.keep(tf.clone(batch.x));
      } finally {
        disposeTensors(batch);
      }
    }
    if (timed === undefined) throw emptyLoader();
    const timings = await timeModels(
      contenders.map(({ forward }) => forward),
      timed,
      timing,
    );
    return contenders.map(({ name, parameters, bytes }, i) => ({
      name,
      errors: tally.errors[i] as number,
      samples: tally.samples,
      accuracy: 1 - (tally.errors[i] as number) / tally.samples,
      parameters,
      bytes,
      ...(timings[i] as Timing),
      sizeReduction: (contenders[standard] as Contender).bytes / bytes,
      speedUp: (timings[standard] as Timing).latencyP50Ms / (timings[i] as Timing).latencyP50Ms,
      agreement: (tally.agreed[i] as number) / tally.samples,
    }));
  } finally {
    timed?.dispose();
    for (const { restore } of contenders.reverse()) restore(); // the same model may be there twice
  }
}

interface Tally {
  samples: number;
  readonly errors: number[];
  readonly agreed: number[];
}

/** Adds a batch to the tally. Classes are compared on the host, as whole numbers. */
function count(contenders: readonly Contender[], standard: number, { x, y }: ImageBatch, tally: Tally): void {
  const labels = classesOf(() => (y.rank === 2 ? tf.argMax(y, 1) : tf.clone(y)));
  const said = contenders.map(({ name, forward }) =>
    classesOf(() => {
      const output = forward(x);
      if (output.rank !== 2 || output.shape[0] !== labels.length) throw wrongOutput(name, output, labels.length);
      return tf.argMax(output, 1);
    }),
  );
  const expected = said[standard] as ArrayLike<number>;
  tally.samples += labels.length;
  said.forEach((classes, i) => {
    tally.errors[i] = (tally.errors[i] as number) + differences(classes, labels);
    tally.agreed[i] = (tally.agreed[i] as number) + labels.length - differences(classes, expected);
  });
}

const classesOf = (body: () => tf.Tensor): ArrayLike<number> => tf.tidy(() => body().dataSync().slice());

function differences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let different = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) different++;
  return different;
}

function checkReference(names: readonly string[], reference: string | undefined): number {
  if (names.length === 0) throw new ConfigError('compareModels', { code: 'no-models', expected: 'at least one model' });
  const index = reference === undefined ? 0 : names.indexOf(reference);
  if (index >= 0) return index;
  throw new ConfigError('compareModels: option `reference`', {
    code: 'unknown-reference',
    expected: names.map((name) => `'${name}'`).join(' or '),
    got: `'${reference}'`,
  });
}

const emptyLoader = (): DataError =>
  new DataError('compareModels: the loader', { code: 'empty-loader', expected: 'at least one batch', got: 'none' });

function wrongOutput(name: string, output: tf.Tensor, batch: number): DataError {
  return new DataError(`compareModels: the output of \`${name}\``, {
    code: 'output-shape',
    expected: `logits of shape [${batch}, classes]`,
    got: `[${output.shape.join(', ')}]`,
  });
}
