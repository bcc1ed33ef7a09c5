/** Two lines with a loss and an optimizer each: stepped by hand, or by the trainer with a loss for each by name. */
import { Adam, LightningModule, losses, SGD, StepLR, tf } from 'kelvin';
import type { BoringBatch } from './boring.ts';

const line = (): tf.Sequential =>
  tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' })] });

/** Two lines, each with a loss and an optimizer of its own. */
export abstract class Pair extends LightningModule<BoringBatch> {
  readonly a = line();
  readonly b = line();

  /** How far each line is from the targets; `b` also depends on `a`, as a discriminator on a generator. */
  lossA({ x, y }: BoringBatch): tf.Tensor {
    return losses.mse(this.a.apply(x) as tf.Tensor, y);
  }
  lossB({ x, y }: BoringBatch): tf.Tensor {
    return losses.mse(tf.add(this.b.apply(x) as tf.Tensor, this.a.apply(x) as tf.Tensor), tf.neg(y));
  }
  parametersOf(net: tf.LayersModel): tf.Variable[] {
    const own = new Set(net.trainableWeights.map((weight) => weight.name));
    return this.parameters().filter((variable) => own.has(variable.name));
  }
  override configureOptimizers() {
    const first = new Adam(this.parametersOf(this.a), { lr: 0.1 });
    const second = new SGD(this.parametersOf(this.b), { lr: 0.05, momentum: 0.9 });
    return [
      { name: 'first', optimizer: first, lrScheduler: new StepLR(first, { stepSize: 1, gamma: 0.5 }) },
      { name: 'second', optimizer: second },
    ];
  }
  weights(): number[] {
    return [...this.namedVariables().values()].flatMap((variable) => [...variable.dataSync()]);
  }
}

export class ByHand extends Pair {
  override automaticOptimization = false;
  trainingStep(batch: BoringBatch): void {
    const [first, second] = this.optimizers();
    const forFirst = this.manualBackward(() => this.lossA(batch), first);
    const forSecond = this.manualBackward(() => {
      const loss = this.lossB(batch);
      this.log('second_loss', loss);
      return loss;
    }, second);
    first?.step(forFirst);
    second?.step(forSecond);
  }
}

export class ByName extends Pair {
  trainingStep(batch: BoringBatch) {
    return { losses: { first: this.lossA(batch), second: this.lossB(batch) } };
  }
}
