/** A LightningModule written by hand: the network, the steps, the metrics, the optimizer and its schedule. */
import { AdamW, CosineAnnealingLR, LightningModule, losses, metrics, mlp, type tf } from 'kelvin';

/** A batch of flat images and their labels. */
export interface Batch {
  readonly x: tf.Tensor;
  readonly y: tf.Tensor1D;
}

/** A classifier of 28 by 28 images in ten classes. */
export class Net extends LightningModule<Batch> {
  net: tf.LayersModel;

  constructor({ hidden = [1200, 1200], lr = 1e-3, epochs = 20 } = {}) {
    super();
    this.saveHyperparameters({ hidden, lr, epochs });
    this.net = mlp({ inputs: [28, 28, 1], hidden, classes: 10 });
  }

  override forward(x: tf.Tensor): tf.Tensor2D {
    return this.net.apply(x, { training: this.training }) as tf.Tensor2D;
  }

  // Synchronous, and inside one tidy: nothing here has to be disposed of.
  trainingStep({ x, y }: Batch): tf.Tensor {
    const loss = losses.crossEntropy(this.forward(x), y);
    this.log('train_loss', loss); // a tensor: it is not read back until a row is due
    return loss;
  }

  override validationStep({ x, y }: Batch): void {
    this.log('val_acc', metrics.accuracy(this.forward(x), y), { progBar: true });
  }

  override testStep({ x, y }: Batch): void {
    this.log('test_acc', metrics.accuracy(this.forward(x), y));
  }

  override predictStep({ x }: Batch): tf.Tensor {
    return this.forward(x).argMax(1);
  }

  override configureOptimizers() {
    const { lr, epochs } = this.hparams as { lr: number; epochs: number };
    const optimizer = new AdamW(this.parameters(), { lr });
    return {
      optimizer,
      lrScheduler: { scheduler: new CosineAnnealingLR(optimizer, { tMax: epochs }), interval: 'epoch' as const },
    };
  }
}
