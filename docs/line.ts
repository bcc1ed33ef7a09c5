/** The module and the data of the examples in concepts.md: 32 points and the line they lie on. */
import { Adam, LightningModule, losses, tf } from 'kelvin';

export interface Batch {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
}

/** A line, fitted by Adam. */
export class Line extends LightningModule<Batch> {
  readonly net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });

  override forward(x: tf.Tensor): tf.Tensor {
    return this.net.apply(x) as tf.Tensor;
  }

  lossOf({ x, y }: Batch): tf.Tensor {
    return losses.mse(this.forward(x), y);
  }

  trainingStep(batch: Batch, _batchIdx: number): tf.Tensor {
    const loss = this.lossOf(batch);
    this.log('train_loss', loss);
    return loss;
  }

  override predictStep({ x }: Batch): tf.Tensor {
    return this.forward(x);
  }

  override configureOptimizers(): Adam {
    return new Adam(this.parameters(), { lr: 0.1 });
  }

  /** All weights, read back. */
  weights(): number[] {
    return this.parameters().flatMap((variable) => [...variable.dataSync()]);
  }

  setWeights(value: number): void {
    for (const variable of this.parameters()) variable.assign(tf.fill(variable.shape, value));
  }
}

/** So many batches of points, the same each time. */
export function batches(count: number): Batch[] {
  return Array.from({ length: count }, (_, i) => {
    const rows = Array.from({ length: 8 }, (_, row) => [Math.sin(8 * i + row), Math.cos(3 * i + row)]);
    return { x: tf.tensor2d(rows), y: tf.tensor2d(rows.map(([a = 0, b = 0]) => [a + b])) };
  });
}

/** Nothing is printed, and nothing is written. */
export const quiet = {
  engine: 'wasm',
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  logger: false,
} as const;
