/** Alternating rounds: what is compared takes turns, so that ratios hold on a busy machine too. */
import { ImageClassificationModel, Trainer, tf } from 'kelvin';

/** A batch of labelled images. */
export type Batch = { x: tf.Tensor4D; y: tf.Tensor1D };

/** Seconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Reads an epoch and does nothing with it. */
export async function drain(loader: AsyncIterable<unknown>): Promise<void> {
  for await (const batch of loader) tf.dispose(batch as tf.TensorContainer);
}

/** The batches of one epoch. */
export async function ready(loader: AsyncIterable<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

/** Seconds of one epoch of training, the module's start not counted. */
export async function train(encoder: () => tf.LayersModel, classes: number, batches: AsyncIterable<Batch> | Batch[]) {
  const net = new ImageClassificationModel({ encoder: encoder(), classes });
  const trainer = new Trainer({ barebones: true, maxEpochs: 1 });
  const seconds = await timed(() => trainer.fit(net, { train: batches }));
  net.dispose();
  return seconds;
}

/** The median of what each round gives. */
export function median<T>(rounds: readonly T[], of: (round: T) => number): number {
  const sorted = rounds.map(of).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}
