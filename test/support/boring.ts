/** The smallest valid module and data: a regression line and batches of ones. */
import { type EngineName, LightningModule, losses, SGD, type TrainerOptions, tf } from 'kelvin';

/** The engine that suites run on: the embedded one, or the one that a script for another names. */
export const TESTED = (process.env.KELVIN_TEST_ENGINE ?? 'wasm') as EngineName;

export interface BoringBatch {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
}

/** A line fitted by gradient descent: logs `train_loss` and `val_loss`. */
export class BoringModule extends LightningModule<BoringBatch> {
  readonly net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' })] });
  lr = 0.1;

  override forward(x: tf.Tensor): tf.Tensor {
    return this.net.apply(x) as tf.Tensor;
  }

  trainingStep({ x, y }: BoringBatch): tf.Tensor {
    const loss = losses.mse(this.forward(x), y);
    this.log('train_loss', loss);
    return loss;
  }

  override validationStep({ x, y }: BoringBatch): void {
    this.log('val_loss', losses.mse(this.forward(x), y));
  }

  override testStep({ x, y }: BoringBatch): void {
    this.log('test_loss', losses.mse(this.forward(x), y));
  }

  override predictStep({ x }: BoringBatch): tf.Tensor {
    return this.forward(x);
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: this.lr });
  }

  /** The weights, read back. */
  weights(): number[] {
    return [...this.namedVariables().values()].flatMap((variable) => [...variable.dataSync()]);
  }
}

/** A loader that makes `count` fresh batches of `size` samples each time it is walked through. */
export function boringLoader(count: number, size = 4): Iterable<BoringBatch> & { length: number } {
  return {
    length: count,
    *[Symbol.iterator]() {
      for (let i = 0; i < count; i++) {
        const rows = Array.from({ length: size }, (_, r) => [Math.sin(i * size + r), Math.cos(3 * i + r)]);
        yield { x: tf.tensor2d(rows), y: tf.tensor2d(rows.map(([a, b]) => [2 * (a as number) - (b as number)])) };
      }
    },
  };
}

/** Flags for a trainer to which nothing is attached. */
export const bare: TrainerOptions = { barebones: true, engine: TESTED, handleSignals: false };
