/** Test and prediction steps on native TensorFlow: compiled where they can be, with what eager steps give. */
import { LightningModule, losses, metrics, mlp, startEngine, Trainer, type TrainerOptions, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { loaderOf, NATIVE, WHERE } from './support.ts';

type Batch = { x: tf.Tensor2D; y: tf.Tensor1D };

const BATCHES = 20;
const SMALL = process.env.KELVIN_SMALL_STEPS;

/** How often a step's own code has run: counted outside the module, whose fields a compiled step watches. */
const calls = { test: 0, predict: 0 };

class Net extends LightningModule<Batch> {
  readonly net = mlp({ inputs: 8, hidden: [12], classes: 4 });
  /** Gives the batch's number back, which no graph can. */
  numbered = false;

  trainingStep({ x, y }: Batch): tf.Scalar {
    return losses.crossEntropy(this.net.apply(x) as tf.Tensor2D, y);
  }

  override testStep({ x, y }: Batch): void {
    calls.test++;
    this.log('test_acc', metrics.accuracy(this.net.apply(x) as tf.Tensor2D, y));
  }

  override predictStep({ x }: Batch, batchIdx: number): unknown {
    calls.predict++;
    const probabilities = tf.softmax(this.net.apply(x) as tf.Tensor2D);
    return this.numbered ? { probabilities, batchIdx } : { probabilities };
  }

  override configureOptimizers(): never[] {
    return [];
  }
}

const trainerOf = (compile: TrainerOptions['compile']): Trainer =>
  new Trainer({ engine: 'tensorflow', logger: false, enableProgressBar: false, enableModelSummary: false, compile });

type Predicted = { probabilities: tf.Tensor; batchIdx?: number };

async function predict(
  module: Net,
  compile: TrainerOptions['compile'],
): Promise<{ values: number[]; places: unknown[] }> {
  const predicted = (await trainerOf(compile).predict(module, loaderOf([8], { batches: BATCHES }))) as Predicted[];
  const values = predicted.flatMap(({ probabilities }) => [...probabilities.dataSync()]);
  tf.dispose(predicted as unknown as tf.TensorContainer);
  return { values, places: predicted.map(({ batchIdx }) => batchIdx) };
}

describe.skipIf(!NATIVE)(`compiled evaluation${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test('predictions are those of eager steps; predictStep runs while it is recorded, twice, and for the smaller batch', async () => {
    const module = new Net();
    const eager = await predict(module, false);
    calls.predict = 0;
    const compiled = await predict(module, 'auto');
    expect(calls.predict).toBe(3);
    const off = eager.values.map((value, i) => Math.abs((compiled.values[i] as number) - value));
    expect(Math.max(...off)).toBeLessThan(1e-6);
    module.dispose();
  });

  test('test metrics are those of eager steps', async () => {
    const module = new Net();
    const data = loaderOf([8], { batches: BATCHES });
    const eager = await trainerOf(false).test(module, data);
    calls.test = 0;
    const compiled = await trainerOf('auto').test(module, data);
    expect(calls.test).toBe(3);
    expect(compiled[0]?.test_acc).toBeCloseTo(eager[0]?.test_acc as number, 5);
    module.dispose();
  });

  test('a graph that cannot be written down is an error, and what the step gave back is disposed of', async () => {
    const module = new Net();
    const { TMPDIR } = process.env;
    const before = tf.memory().numTensors;
    // The engine reads a graph from a folder: there is no place for one now.
    process.env.TMPDIR = '/dev/null';
    process.env.KELVIN_SMALL_STEPS = 'off';
    try {
      await expect(predict(module, 'auto')).rejects.toThrow();
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
      if (SMALL === undefined) delete process.env.KELVIN_SMALL_STEPS;
    }
    expect(tf.memory().numTensors).toBe(before);
    module.dispose();
  });

  test('what is given back beside tensors and changes keeps a step eager', async () => {
    const module = new Net();
    module.numbered = true;
    const { places } = await predict(module, 'auto');
    expect(places).toEqual(Array.from({ length: BATCHES }, (_, i) => i));
    module.dispose();
  });
});
