/** Small networks and batches for the tests of distillation. */
import { LightningModule, losses, SGD, tf } from 'kelvin';

/** Two dense layers named `hidden` and `logits`; weights depend on `seed` alone. */
export function network(seed: number, hidden = 5, classes = 3): tf.LayersModel {
  const init = (offset: number) => tf.initializers.glorotNormal({ seed: seed + offset });
  return tf.sequential({
    layers: [
      tf.layers.dense({
        name: 'hidden',
        units: hidden,
        activation: 'relu',
        inputShape: [4],
        kernelInitializer: init(0),
      }),
      tf.layers.dense({ name: 'logits', units: classes, kernelInitializer: init(1) }),
    ],
  });
}

export interface Batch {
  readonly x: tf.Tensor;
  readonly y: tf.Tensor;
}

/** The same batches at each call. */
export function batches(count = 2): Batch[] {
  return Array.from({ length: count }, (_, i) => ({
    x: tf.randomNormal([6, 4], 0, 1, 'float32', i + 1),
    y: tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'),
  }));
}

/** A module that knows nothing of distillation. */
export class Classifier extends LightningModule<Batch> {
  readonly net: tf.LayersModel;
  readonly seen: string[] = [];

  constructor(net: tf.LayersModel) {
    super();
    this.net = net;
  }

  override forward(x: tf.Tensor): tf.Tensor2D {
    return this.net.apply(x, { training: this.training }) as tf.Tensor2D;
  }

  trainingStep({ x, y }: Batch): tf.Tensor {
    const loss = losses.crossEntropy(this.forward(x), y);
    this.log('train_loss', loss);
    return loss;
  }

  override validationStep({ x, y }: Batch): void {
    this.log('val_loss', losses.crossEntropy(this.forward(x), y));
  }

  override onTrainEpochEnd(): void {
    this.seen.push(`epoch ${this.currentEpoch}`);
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

export const weightsOf = (model: tf.LayersModel): number[][] =>
  model.weights.map((weight) => [...(weight.read() as tf.Tensor).dataSync()]);

/** Counts how often a layer runs. */
export function countCalls(layer: tf.layers.Layer): { calls: number } {
  const counter = { calls: 0 };
  const own = layer as unknown as { call: (...args: unknown[]) => unknown };
  const original = Object.getPrototypeOf(own).call as (...args: unknown[]) => unknown;
  own.call = function (...args) {
    counter.calls++;
    return original.apply(this, args);
  };
  return counter;
}
