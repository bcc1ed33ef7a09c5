/** SpikeDetection: what is a spike, and what is done about it. */
import { type LossSpike, SpikeDetection, type SpikeDetectionOptions, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** A module whose losses are given, and whose weights stand still. */
class Scripted extends BoringModule {
  readonly #losses: readonly number[];
  constructor(losses: readonly number[]) {
    super();
    this.#losses = losses;
  }
  override trainingStep({ x }: Parameters<BoringModule['trainingStep']>[0]): tf.Tensor {
    const loss = this.#losses[this.trainer.globalBatch] as number;
    return tf.add(tf.mul(tf.mean(this.forward(x)), 0), loss);
  }
}

/** The batches that are spikes. */
async function spikes(losses: readonly number[], options: SpikeDetectionOptions = {}): Promise<LossSpike[]> {
  const found: LossSpike[] = [];
  const detection = new SpikeDetection({ warmup: 3, onSpike: (spike) => void found.push(spike), ...options });
  const flags = { maxEpochs: 1, terminateOnNaN: false };
  await fitBoring(detection, flags, { module: new Scripted(losses), batches: losses.length, val: false });
  return found;
}
const batchesOf = (found: readonly LossSpike[]): number[] => found.map(({ batchIdx }) => batchIdx);

test('a loss that is three times the mean and more is a spike, after the warm-up, and does not count in the mean', async () => {
  expect(await spikes([1, 9, 1, 1, 2, 1, 7, 1])).toEqual([]);
  expect(await spikes([1, 1, 1, 3, 3.5, 1, 8])).toEqual([
    { epoch: 0, batchIdx: 3, loss: 3, expected: 1 },
    { epoch: 0, batchIdx: 4, loss: 3.5, expected: 1 },
    { epoch: 0, batchIdx: 6, loss: 8, expected: 1 },
  ]);
});

test('tolerances, the window, the mode, and losses that are no numbers', async () => {
  expect(batchesOf(await spikes([1, 1, 1, 3, 9], { atol: 5 }))).toEqual([4]);
  expect(batchesOf(await spikes([1, 1, 1, 1.6], { rtol: 0.5 }))).toEqual([3]);
  expect(batchesOf(await spikes([8, 8, 8, 1, 1, 4], { window: 2 }))).toEqual([5]);
  expect(batchesOf(await spikes([8, 8, 8, 9, -20], { mode: 'max' }))).toEqual([4]);
  expect(batchesOf(await spikes([1, Number.NaN, 1, 1]))).toEqual([1]);
  expect(batchesOf(await spikes([1, Number.NaN, 1, 1], { finiteOnly: false }))).toEqual([]);
});

test('without onSpike it ends training and names the batch', () =>
  expectNoLeak(async () => {
    expect(await messageFrom(() => spikes([1, 1, 1, 50], { onSpike: undefined }))).toMatchInlineSnapshot(`
      "DataError [loss-spike] SpikeDetection: the loss of epoch 0, batch 3: expected about 1.000, as before, got 50.
        help: look at this batch; lower the learning rate or clip the gradients; with \`onSpike\` training goes on"
    `);
    expect(() => new SpikeDetection({ window: 0 })).toThrow('option `window`: expected a whole number of at least 1');
  }));

test('a resumed run compares with what was before', async () => {
  const losses = [1, 1, 1, 1, 1, 1, 1, 9, 1, 1, 1, 9];
  const found: number[] = [];
  await wholeAndResumed(() => [new SpikeDetection({ warmup: 6, onSpike: ({ loss }) => void found.push(loss) })], {
    at: 6,
    module: () => new Scripted(losses),
    outcome: () => undefined,
  });
  expect(found).toEqual([9, 9, 9, 9]); // two in the whole run, two in the resumed one
});
