import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BatchPredictions,
  type Callback,
  PredictionWriter,
  type PredictionWriterOptions,
  Trainer,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { freshDirectory, quiet } from './support.ts';

assertFileLeaksNothing();

/** Predicts what `make` makes of a batch. */
class Predicting extends BoringModule {
  #make: (batch: BoringBatch) => unknown;
  constructor(make: (batch: BoringBatch) => unknown) {
    super();
    this.#make = make;
  }
  override predictStep(batch: BoringBatch): never {
    return this.#make(batch) as never;
  }
}

async function predict(
  writer: PredictionWriter,
  make: (batch: BoringBatch) => unknown,
  { loaders = boringLoader(2, 2) as never, others = [] as Callback[] } = {},
): Promise<void> {
  const module = new Predicting(make);
  try {
    await new Trainer({ ...quiet, callbacks: [writer, ...others] }).predict(module, loaders, {
      returnPredictions: false,
    });
  } finally {
    module.dispose();
  }
}

const lines = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

test('a csv file with a line per sample', async () => {
  const path = join(freshDirectory(), 'sub', 'predictions.csv');
  await expectNoLeak(async () => {
    const writer = new PredictionWriter({ path });
    await predict(writer, ({ x }) => tf.mul(tf.ones([x.shape[0], 2]), [1, 2.5]));
    expect(lines(path)).toEqual([
      'dataloader,batch,sample,prediction_0,prediction_1',
      '0,0,0,1,2.5',
      '0,0,1,1,2.5',
      '0,1,2,1,2.5',
      '0,1,3,1,2.5',
    ]);
    await predict(writer, ({ x }) => ({ label: tf.zeros([x.shape[0]], 'int32'), name: ['a "b"', 'c,d'] }), {
      loaders: [boringLoader(1, 2), boringLoader(1, 2)] as never,
    });
    expect(lines(path)).toEqual([
      'dataloader,batch,sample,label,name',
      '0,0,0,0,"a ""b"""',
      '0,0,1,0,"c,d"',
      '1,0,0,0,"a ""b"""',
      '1,0,1,0,"c,d"',
    ]);
  });
});

test('functions get the predictions of each batch, and those of all', async () => {
  const batches: unknown[] = [];
  const epochs: unknown[] = [];
  const read = ({ outputs, ...rest }: BatchPredictions) => ({
    ...rest,
    outputs: [...(outputs as tf.Tensor).dataSync()],
  });
  const options: PredictionWriterOptions = {
    writeBatch: async (predictions, batch) => void batches.push([read(predictions), (batch as BoringBatch).x.shape]),
    writeEpoch: (all) => void epochs.push(all.map(read)),
  };
  await expectNoLeak(() => predict(new PredictionWriter(options), ({ x }) => tf.fill([1], x.shape[0])));
  const expected = [0, 1].map((batchIdx) => ({ batchIdx, dataloaderIdx: 0, outputs: [2] }));
  expect(batches).toEqual(expected.map((one) => [one, [2, 2]]));
  expect(epochs).toEqual([expected]);
});

test('a run that fails leaves neither a file nor tensors', async () => {
  const directory = freshDirectory();
  const path = join(directory, 'predictions.csv');
  const trap: Callback = {
    onPredictBatchEnd: (_trainer, _module, _outputs, _batch, batchIdx) => {
      if (batchIdx === 1) throw new Error('broken');
    },
  };
  await expectNoLeak(async () => {
    const writer = new PredictionWriter({ path, writeEpoch: () => {} });
    await expect(predict(writer, ({ x }) => x.clone(), { others: [trap] })).rejects.toThrow('broken');
    expect(readdirSync(directory)).toEqual([]);
    await predict(writer, ({ x }) => x.clone());
    expect(existsSync(path)).toBe(true);
  });
});

test('what does not fit into a table is refused', async () => {
  const writer = new PredictionWriter({ path: join(freshDirectory(), 'predictions.csv') });
  const failing = (make: (batch: BoringBatch) => unknown) => expect(expectNoLeak(() => predict(writer, make))).rejects;
  await failing(() => 'yes').toThrow(
    "PredictionWriter: what `predictStep` returned: expected a tensor with an axis of samples, or an array, or an object of those, got 'yes' (string).",
  );
  await failing(() => tf.scalar(1)).toThrow('got an instance of Tensor');
  await failing(({ x }) => ({ a: x.clone(), b: [1] })).toThrow('expected parts with the same number of samples');
  let calls = 0;
  await failing(({ x }) => (calls++ === 0 ? tf.ones([2]) : x.clone())).toThrow(
    'PredictionWriter: the columns: expected dataloader,batch,sample,prediction, as in the first batch, got dataloader,batch,sample,prediction_0,prediction_1.',
  );
});

test('wrong options', () => {
  expect(() => new PredictionWriter({})).toThrow(
    'PredictionWriter: expected `path`, `writeBatch` or `writeEpoch`, got none of them.',
  );
  expect(() => new PredictionWriter({ path: 3 as never })).toThrow('option `path`: expected a non-empty string');
});
