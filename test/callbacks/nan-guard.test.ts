import { losses, NaNGuard, NonFiniteError, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring } from './support.ts';

assertFileLeaksNothing();

/** A second layer whose gradient, and no other, becomes what `fault` makes of it from batch `from` on. */
class Faulty extends BoringModule {
  readonly scale = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));
  from = 5;
  fault = Number.NaN;

  override trainingStep({ x, y }: BoringBatch): tf.Tensor {
    const loss = losses.mse(this.forward(x), y);
    const factor = this.trainer.globalBatch < this.from ? 0 : this.fault;
    // its gradient is `factor`, its value 0
    const silent = tf.customGrad((s: unknown) => ({
      value: tf.mul(tf.sum(s as tf.Tensor), 0),
      gradFunc: () => [tf.tensor1d([0, factor, factor])],
    }));
    return tf.add(loss, silent(this.scale as tf.Tensor));
  }
}

function faulty(fault: number): Faulty {
  const module = new Faulty();
  module.fault = fault;
  return module;
}

test('D26: it ends training at the batch, before the weights are touched, and names the gradient', async () => {
  const error =
    "The gradient of 'scale', in layer 'scale', epoch 1, global batch 5, optimizer step 5: expected finite numbers, got 2 NaN and 0 infinite of 3.";
  let weights: number[] = [];
  const watch = {
    onException: (_: unknown, module: unknown) => {
      weights = (module as BoringModule).weights();
    },
  };
  await expect(fitBoring([new NaNGuard(), watch], {}, { module: faulty(Number.NaN) })).rejects.toThrow(error);
  expect(weights.every(Number.isFinite)).toBe(true);
});

test('infinite gradients count, and the layer is named', async () => {
  class Unbounded extends BoringModule {
    override trainingStep({ x, y }: BoringBatch): tf.Tensor {
      return tf.mul(losses.mse(this.forward(x), y), Number.MAX_VALUE);
    }
  }
  const fitting = fitBoring(new NaNGuard(), { terminateOnNaN: false }, { module: new Unbounded() });
  await expect(fitting).rejects.toThrow(NonFiniteError);
  await expect(fitting).rejects.toThrow(
    /The gradient of 'net\.0\.kernel', in layer 'net\.0', epoch 0, global batch 0, optimizer step 0: .* and 1 more tensors like it\./,
  );
});

test('weights are looked at as well, and named', async () => {
  const fitting = fitBoring(new NaNGuard({ gradients: false }), {}, { module: faulty(Number.NEGATIVE_INFINITY) });
  await expect(fitting).rejects.toThrow(
    "The weight of 'scale', in layer 'scale', epoch 1, global batch 5, optimizer step 5: expected finite numbers, got 0 NaN and 2 infinite of 3.",
  );
});

test('every so many steps only, or not at all', async () => {
  await expect(
    fitBoring(new NaNGuard({ everyNSteps: 7 }), { terminateOnNaN: false }, { module: faulty(Number.NaN) }),
  ).rejects.toThrow('global batch 6');
  await fitBoring(
    new NaNGuard({ gradients: false, weights: false }),
    { terminateOnNaN: false },
    { module: faulty(Number.NaN) },
  );
});

test('a sound run passes, twice, and leaks nothing', async () => {
  const guard = new NaNGuard();
  await expectNoLeak(async () => {
    for (let i = 0; i < 2; i++) await fitBoring(guard, { accumulateGradBatches: 3 });
  });
  await expectNoLeak(() =>
    expect(fitBoring(guard, {}, { module: faulty(Number.NaN) })).rejects.toThrow('The gradient'),
  );
});

test('wrong options', () => {
  expect(() => new NaNGuard({ everyNSteps: 0 })).toThrow(
    "NaNGuard: option `everyNSteps`: expected a whole number of at least 1, or with its unit, such as '3st', got 0 (number).",
  );
});
