/**
 * One comparison in a process of its own, which `main.ts` starts with the environment that it needs: reading alone, training
 * alone, and training while the batches are read. `tsx bench/data/training.ts jpeg|jpeg-deep|jpeg-even|cifar|idx DIR ROUNDS`
 */
import {
  ArrayDataset,
  convNet,
  DataLoader,
  type Dataset,
  depthwiseSeparableNet,
  idxImageFiles,
  imageFolder,
  mlp,
  startEngine,
  tf,
} from 'kelvin';
import { type Batch, drain, median, ready, timed, train } from './rounds.ts';

interface Case {
  readonly name: string;
  readonly dataset: Dataset<unknown, Batch>;
  readonly workers: number;
  readonly batchSize: number;
  readonly classes: number;
  readonly encoder: () => tf.LayersModel;
}

/** Takes about as long to train on an image as it takes to decode it. */
const light = (): tf.LayersModel =>
  tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [224, 224, 3], filters: 8, kernelSize: 8, strides: 8, activation: 'relu' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 16, activation: 'relu' }),
    ],
  });

async function caseOf(kind: string, directory: string): Promise<Case> {
  const jpegs = async (workers: number) => ({
    dataset: (await imageFolder(directory, { size: 224 })) as Dataset<unknown, Batch>,
    ...{ workers, batchSize: 32, classes: 2 },
  });
  switch (kind) {
    case 'jpeg':
      return {
        ...(await jpegs(2)),
        name: 'JPEGs of 224x224, as it comes: 2 workers, all threads of the engine',
        encoder: () => convNet({ inputs: [224, 224, 3], channels: [4, 8] }),
      };
    case 'jpeg-deep':
      return {
        ...(await jpegs(1)),
        name: 'JPEGs of 224x224, a network as one trains on them: 1 worker, all threads of the engine',
        encoder: () => depthwiseSeparableNet({ inputs: [224, 224, 3], channels: [32, 64, 128, 256] }),
      };
    case 'jpeg-even':
      return {
        ...(await jpegs(1)),
        name: 'JPEGs of 224x224, a light network: decoding on one core, training on the other',
        encoder: light,
      };
    case 'cifar':
      return {
        name: "CIFAR's images in memory",
        dataset: cifarLike(2048),
        ...{ workers: 0, batchSize: 128, classes: 10 },
        encoder: () => depthwiseSeparableNet({ inputs: [32, 32, 3], channels: [16, 32] }),
      };
    default:
      return {
        name: 'idx images from their file',
        dataset: (await idxImageFiles({
          images: `${directory}/images-idx3-ubyte`,
          labels: `${directory}/labels-idx1-ubyte`,
        })) as unknown as Dataset<unknown, Batch>,
        ...{ workers: 0, batchSize: 128, classes: 10 },
        encoder: () => mlp({ inputs: [28, 28, 1], hidden: [400, 400] }),
      };
  }
}

function cifarLike(count: number): Dataset<unknown, Batch> {
  const data = Uint8Array.from({ length: count * 3072 }, (_, i) => (i * 37) % 251);
  return new ArrayDataset({
    x: { data, shape: [32, 32, 3], scale: 1 / 255 },
    y: { data: Int32Array.from({ length: count }, (_, i) => i % 10), shape: [] },
  }) as unknown as Dataset<unknown, Batch>;
}

const [kind = '', directory = '', given = '3'] = process.argv.slice(2);
const rounds = Number(given);
await startEngine();
const { name, dataset, workers, batchSize, classes, encoder } = await caseOf(kind, directory);
const loader = new DataLoader(dataset, { batchSize, workers, shuffle: true, seed: 1 });
await drain(loader); // starts the workers
const kept = await ready(loader);
await train(encoder, classes, kept.slice(0, 2));
const figures: { together: number; reading: number; training: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const reading = await timed(() => drain(loader));
  const training = await train(encoder, classes, kept);
  figures.push({ reading, training, together: await train(encoder, classes, loader) });
}
await loader.close();
const show = (value: number): string => value.toFixed(3);
console.log(`${name}; ${dataset.length} images, median of ${rounds} rounds`);
console.log(
  `  together / slower of both alone: ${show(median(figures, (f) => f.together / Math.max(f.reading, f.training)))}`,
);
console.log(`  training alone / reading alone:  ${show(median(figures, (f) => f.training / f.reading))}`);
