/** What a student brings along when it is converted: its loaders and its preparation. */
import { convert, LogitsDistillationLoss, startEngine, Trainer, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { batches, Classifier, network } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

test('a student with loaders of its own is distilled on them', async () => {
  const data = batches(3);
  const called: string[] = [];
  class WithData extends Classifier {
    override prepareData(): void {
      called.push('prepareData');
    }
    override trainDataloader() {
      called.push('trainDataloader');
      return data;
    }
    override valDataloader() {
      return data.slice(0, 1);
    }
  }
  const [net, teacher] = [network(1), network(7, 9)];
  const distiller = await convert(new WithData(net), {
    teacherModel: teacher,
    criterion: new LogitsDistillationLoss(),
  });
  const { steps, metrics } = await new Trainer({ ...bare, maxEpochs: 2 }).fit(distiller);
  expect(called).toEqual(['prepareData', 'trainDataloader']);
  expect(steps).toBe(6);
  expect(metrics).toHaveProperty('val_loss');
  tf.dispose([...net.weights, ...teacher.weights].map((weight) => weight.read()));
  tf.dispose(data as never);
});
