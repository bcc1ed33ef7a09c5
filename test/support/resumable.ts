/** A run with everything in it that must survive a resume: Adam, cosine with warm-up, dropout, shuffling, augmentation. */
import {
  Adam,
  ArrayDataset,
  type Callback,
  cosineWithWarmup,
  DataLoader,
  Dropout,
  LightningModule,
  losses,
  Random,
  randomShift,
  seedEverything,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { bare } from './boring.ts';

type Batch = { x: tf.Tensor4D; y: tf.Tensor1D };

/** Classifies 4 x 4 images, with dropout. */
export class Resumable extends LightningModule<Batch> {
  readonly net = tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [4, 4, 1] }),
      tf.layers.dense({ units: 6, activation: 'relu' }),
      new Dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 3 }),
    ],
  });

  trainingStep({ x, y }: Batch): tf.Scalar {
    const loss = this.lossOf({ x, y });
    this.log('train_loss', loss, { onStep: true, onEpoch: true });
    return loss;
  }

  lossOf({ x, y }: Batch): tf.Scalar {
    return losses.crossEntropy(this.net.apply(x, { training: this.training }) as tf.Tensor2D, y) as tf.Scalar;
  }

  override validationStep({ x, y }: Batch): void {
    this.log('val_loss', losses.crossEntropy(this.net.apply(x) as tf.Tensor2D, y) as tf.Scalar);
  }

  override configureOptimizers() {
    const optimizer = new Adam(this.parameters(), { lr: 0.05 });
    const scheduler = cosineWithWarmup(optimizer, { warmupSteps: 3, totalSteps: 40 });
    return { optimizer, lrScheduler: { scheduler, interval: 'step' as const } };
  }

  weights(): number[][] {
    return [...this.namedVariables().values()].map((variable) => [...variable.dataSync()]);
  }
}

function data(count: number) {
  const random = new Random(7);
  const images = Float32Array.from({ length: count * 16 }, () => random.uniform());
  const labels = Int32Array.from({ length: count }, () => random.integer(3));
  return new ArrayDataset({ x: { data: images, shape: [4, 4, 1] }, y: { data: labels, shape: [] } });
}

/** Seven training batches that are shuffled and shifted, two validation batches. */
export function resumableLoaders() {
  return {
    train: new DataLoader(data(27), { batchSize: 4, shuffle: true, transform: randomShift({ pixels: 1 }) }),
    val: new DataLoader(data(8), { batchSize: 4, shuffle: true }),
  };
}

/** What a run came to. */
export interface Outcome {
  readonly status: string;
  readonly weights: number[][];
  readonly losses: number[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly steps: number;
}

/** Trains from scratch or from a checkpoint, with a module, a loader and a trainer of its own. 7 batches an epoch. */
export async function train(
  seed: number,
  options: TrainerOptions,
  { ckptPath, callbacks = [] }: { ckptPath?: string; callbacks?: Callback[] } = {},
): Promise<Outcome> {
  const restoreRandom = seedEverything(seed);
  const module = new Resumable();
  const trainer = new Trainer({ ...bare, maxEpochs: 3, accumulateGradBatches: 3, ...options, callbacks });
  const seen: { loss: number; batch: number }[] = [];
  trainer.on('trainBatchEnd', (output) => {
    seen[trainer.globalBatch] = { loss: output.loss?.dataSync()[0] as number, batch: trainer.globalBatch };
  });
  const { status, metrics, steps } = await trainer.fit(module, { ...resumableLoaders(), ckptPath });
  const outcome = { status, weights: module.weights(), losses: seen.map(({ loss }) => loss), metrics, steps };
  module.dispose();
  restoreRandom();
  return outcome;
}
