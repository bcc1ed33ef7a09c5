import {
  Adam,
  BackboneFinetuning,
  type BackboneFinetuningOptions,
  type Callback,
  fromTfOptimizer,
  SGD,
  StepLR,
  Trainer,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, quiet, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** A backbone with batch norm below the head. */
class Pretrained extends BoringModule {
  readonly backbone = tf.sequential({
    layers: [
      tf.layers.dense({ units: 2, inputShape: [2], kernelInitializer: 'identity', activation: 'tanh' }),
      tf.layers.batchNormalization(),
    ],
  });
  override lr = 1e-3;

  override forward(x: tf.Tensor): tf.Tensor {
    return this.net.apply(this.backbone.apply(x, { training: this.training })) as tf.Tensor;
  }

  override configureOptimizers(): never {
    return new Adam(this.parameters(), { lr: this.lr }) as never;
  }

  kernel(): number[] {
    return [...(this.namedVariables().get('backbone.0.kernel') as tf.Variable).dataSync()];
  }
}

/** The rates of the parameter groups in each epoch, and whether the backbone moved in it. */
function watch(): Callback & { rates: number[][]; moved: boolean[] } {
  const rates: number[][] = [];
  const moved: boolean[] = [];
  let before = '';
  return {
    rates,
    moved,
    onTrainBatchStart: (trainer, module, _batch, batchIdx) => {
      if (batchIdx !== 0) return;
      rates.push(trainer.optimizers.flatMap(({ paramGroups }) => paramGroups.map(({ lr }) => lr)));
      before = String((module as unknown as Pretrained).kernel());
    },
    onTrainEpochEnd: (_, module) => void moved.push(String((module as unknown as Pretrained).kernel()) !== before),
  };
}

async function run(options: BackboneFinetuningOptions, maxEpochs = 5) {
  return expectNoLeak(async () => {
    const seen = watch();
    await fitBoring([new BackboneFinetuning(options), seen], { maxEpochs }, { module: new Pretrained(), val: false });
    return seen;
  });
}

const rounded = (rates: readonly number[][]) => rates.map((row) => row.map((rate) => Number(rate.toPrecision(6))));

test('unfrozen at epoch 2, the backbone has the rates .0001, .0002, .0004', async () => {
  const { rates, moved } = await run({ unfreezeBackboneAtEpoch: 2 });
  expect(rounded(rates)).toEqual([[0.001], [0.001], [0.001, 0.0001], [0.001, 0.0002], [0.001, 0.0004]]);
  expect(moved).toEqual([false, false, true, true, true]);
});

test('its rate ends at that of the head, unless it may pass it', async () => {
  const options = { unfreezeBackboneAtEpoch: 1, lambda: (epoch: number) => epoch + 2, initialRatio: 0.2 };
  const backbone = ({ rates }: { rates: number[][] }) => rounded(rates).map((row) => row[1]);
  expect(backbone(await run(options, 4))).toEqual([undefined, 0.0002, 0.0008, 0.001]);
  expect(backbone(await run({ ...options, shouldAlign: false }, 4))).toEqual([undefined, 0.0002, 0.0008, 0.004]);
  expect(backbone(await run({ ...options, initialLr: 5e-4 }, 2))).toEqual([undefined, 0.0005]);
});

test('batch norm is trained from the start, or not', async () => {
  const counts: number[] = [];
  const count: Callback = { onTrainStart: (_, module) => void counts.push(module.parameters().length) };
  for (const trainBatchNorm of [true, false]) {
    await fitBoring([new BackboneFinetuning({ trainBatchNorm }), count], {}, { module: new Pretrained(), val: false });
  }
  expect(counts).toEqual([4, 2]);
});

describe('a resumed run equals one that went through', () => {
  test.for([2, 4, 6, 9])('broken after batch %i', async (at) => {
    const [whole, resumed] = await wholeAndResumed(() => [new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1 })], {
      at,
      module: () => new Pretrained(),
      outcome: (module, [callback]) => [module.weights(), callback?.stateDict?.()],
    });
    expect(resumed).toEqual(whole);
  });
});

test('a second fit goes on; one of another module begins anew', async () => {
  const module = new Pretrained();
  const callback = new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1 });
  const seen = watch();
  const trainer = new Trainer({ ...quiet, maxEpochs: 2, callbacks: [callback, seen] });
  await expectNoLeak(() => trainer.fit(module, boringLoader(2)));
  await expectNoLeak(() => trainer.fit(module, boringLoader(2)));
  module.dispose();
  await fitBoring([callback, seen], {}, { module: new Pretrained(), val: false });
  expect(rounded(seen.rates)).toEqual([[0.001], [0.001, 0.0001], [0.001], [0.001, 0.0001]]);
});

test('schedulers drive the head, the callback the backbone', async () => {
  class Scheduled extends Pretrained {
    override configureOptimizers(): never {
      const optimizer = new SGD(this.parameters(), { lr: 0.1 });
      return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) } as never;
    }
  }
  const seen = watch();
  const callbacks = [new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1, lambda: () => 1 }), seen];
  await fitBoring(callbacks, { maxEpochs: 3 }, { module: new Scheduled(), val: false });
  expect(rounded(seen.rates)).toEqual([[0.1], [0.05, 0.005], [0.025, 0.005]]);
});

test('a module without backbone and an optimizer without groups are refused', async () => {
  await expect(fitBoring(new BackboneFinetuning())).rejects.toThrow(
    'BackboneFinetuning: the field `backbone` of BoringModule: expected a tfjs model or layer, a module, or a list of those, got undefined.',
  );
  class Stock extends Pretrained {
    override configureOptimizers(): never {
      return fromTfOptimizer(tf.train.sgd(0.1), this.parameters()) as never;
    }
  }
  const fitting = fitBoring(new BackboneFinetuning({ unfreezeBackboneAtEpoch: 0 }), {}, { module: new Stock() });
  await expect(fitting).rejects.toThrow(
    "trainer.tools.addParamGroup: expected one of Kelvin's own optimizers, got TfOptimizer, which has one parameter group for good.",
  );
  expect(() => new BackboneFinetuning({ lambda: 2 as never })).toThrow(
    'option `lambda`: expected a function, got 2 (number).',
  );
});
