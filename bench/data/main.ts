/**
 * What data costs beside training, as ratios in alternating rounds: training on 224x224 JPEGs that two workers decode, to
 * the slower of decoding alone and training alone; and reading CIFAR-sized images into batches, to the step that eats them.
 *
 * `npm run bench:data -- [rounds] [images]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ArrayDataset,
  convNet,
  DataLoader,
  type Dataset,
  ImageClassificationModel,
  imageFolder,
  Random,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import sharp from 'sharp';

type Batch = { x: tf.Tensor4D; y: tf.Tensor1D };
const BATCH = 16;
const [rounds = 3, images = 96] = process.argv.slice(2).map(Number);

/** Smoothed noise: about as hard to decode as a photograph. */
async function drawJpegs(directory: string, count: number): Promise<void> {
  const random = new Random(1);
  for (let i = 0; i < count; i++) {
    const folder = join(directory, `class${i % 2}`);
    await mkdir(folder, { recursive: true });
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, () => random.integer(256));
    const small = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    await small
      .resize(224, 224)
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${i}.jpg`));
  }
}

/** Seconds that `work` takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function drain(loader: DataLoader<Batch>): Promise<void> {
  for await (const batch of loader) tf.dispose(batch);
}

const model = (side: number) =>
  new ImageClassificationModel({ encoder: convNet({ inputs: [side, side, 3], channels: [4, 8] }), classes: 2 });

async function train(side: number, batches: AsyncIterable<Batch> | Batch[]): Promise<number> {
  const net = model(side);
  const trainer = new Trainer({ barebones: true, maxEpochs: 1 });
  const seconds = await timed(() => trainer.fit(net, { train: batches }));
  net.dispose();
  return seconds;
}

/** The batches of one epoch, made before. */
async function ready(loader: DataLoader<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

async function rounded(name: string, side: number, dataset: Dataset<unknown, Batch>, workers: number): Promise<void> {
  const loader = new DataLoader(dataset, { batchSize: BATCH, workers });
  await drain(loader); // starts the workers
  const kept = await ready(loader);
  await train(side, kept.slice(0, 1));
  const figures: { together: number; reading: number; training: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const reading = await timed(() => drain(loader));
    const training = await train(side, kept);
    const together = await train(side, loader);
    figures.push({ reading, training, together });
  }
  tf.dispose(kept);
  await loader.close();
  const median = (of: (figure: (typeof figures)[number]) => number): string => {
    const sorted = figures.map(of).sort((a, b) => a - b);
    return (sorted[sorted.length >> 1] as number).toFixed(3);
  };
  console.log(`${name}, ${workers} workers, ${dataset.length} images, median of ${rounds} rounds`);
  console.log(`  together / slower of both alone: ${median((f) => f.together / Math.max(f.reading, f.training))}`);
  console.log(`  training alone / reading alone:  ${median((f) => f.training / f.reading)}`);
}

await startEngine();
const directory = mkdtempSync(join(tmpdir(), 'kelvin-bench-'));
try {
  await drawJpegs(directory, images);
  await rounded('JPEGs of 224x224', 224, await imageFolder(directory, { size: 224 }), 2);
  const bytes = Uint8Array.from({ length: 2048 * 32 * 32 * 3 }, (_, i) => i % 251);
  const cifar = new ArrayDataset({
    x: { data: bytes, shape: [32, 32, 3] },
    y: { data: Int32Array.from({ length: 2048 }, (_, i) => i % 2), shape: [] },
  });
  await rounded('Images like CIFAR in memory', 32, cifar as unknown as Dataset<unknown, Batch>, 0);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
