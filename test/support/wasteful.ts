/** A module that makes more tensors than it has to, for the tests of leaks. */
import { Dropout, tf } from 'kelvin';
import { BoringModule } from './boring.ts';

/** Makes more tensors than it has to, returns some, logs by step and epoch. */
export class Wasteful extends BoringModule {
  readonly dropout = new Dropout({ rate: 0.5 });

  override trainingStep(batch: Parameters<BoringModule['trainingStep']>[0]): never {
    const noise = tf.randomNormal([3, 3]);
    const dropped = this.dropout.apply(batch.x, { training: this.training }) as tf.Tensor2D;
    const loss = super.trainingStep({ ...batch, x: dropped });
    this.log('both', loss, { onStep: true, onEpoch: true });
    return {
      loss,
      batch,
      noise: [noise, { map: new Map([['x', tf.add(noise, 1)]]) }],
      weights: this.parameters()[0],
    } as never;
  }

  override validationStep(batch: Parameters<BoringModule['validationStep']>[0]): never {
    super.validationStep(batch);
    return { batch, made: new Holder(tf.ones([2])), kept: tf.zeros([1]) } as never;
  }
}

/** A class of the user's own with a tensor in it. */
class Holder {
  readonly tensor: tf.Tensor;
  constructor(tensor: tf.Tensor) {
    this.tensor = tensor;
  }
}
