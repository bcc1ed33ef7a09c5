/**
 * Trains an image classifier on MNIST, or on drawn digits where MNIST cannot be had: a validation split, the best
 * checkpoint kept, everything in TensorBoard, and a test of the best weights at the end.
 *
 * After a build: `node dist/examples/image-classification/train.js`
 */
import { pathToFileURL } from 'node:url';
import {
  DataError,
  DataLoader,
  drawnDigits,
  EarlyStopping,
  ImageClassificationModel,
  type ImageSplits,
  type Metrics,
  ModelCheckpoint,
  mlp,
  mnist,
  randomShift,
  randomSplit,
  seedEverything,
  startEngine,
  TensorBoardLogger,
  Trainer,
  type TrainerOptions,
} from 'kelvin';

/** Options of {@link trainClassifier}. */
export interface TrainOptions {
  /** Images to train on and to test with. Default: MNIST, else drawn digits. */
  readonly images?: ImageSplits | undefined;
  /** Default 5. */
  readonly epochs?: number | undefined;
  /** Units of the hidden layers. Default two layers of 256. */
  readonly hidden?: readonly number[] | undefined;
  /** Default `'runs'`. */
  readonly logDir?: string | undefined;
  /** Default true. */
  readonly progress?: boolean | undefined;
  /** The trainer's flag. Default `'auto'`. */
  readonly compile?: TrainerOptions['compile'];
}

/** Trains a classifier and returns its metrics on the test images. */
export async function trainClassifier(options: TrainOptions = {}): Promise<Metrics> {
  const { epochs = 5, hidden = [256, 256], logDir = 'runs', progress = true, compile } = options;
  await startEngine();
  seedEverything(7);
  const images = options.images ?? (await mnistOrDrawn());
  const [trainImages, valImages] = randomSplit(images.train, [0.9, 0.1], 7) as [
    typeof images.train,
    typeof images.train,
  ];
  const train = new DataLoader(trainImages, { batchSize: 128, shuffle: true, transform: randomShift({ pixels: 1 }) });
  const val = new DataLoader(valImages, { batchSize: 500 });
  const test = new DataLoader(images.test, { batchSize: 500 });

  const encoder = mlp({ inputs: [28, 28, 1], hidden, dropout: 0.2 });
  const model = new ImageClassificationModel({ encoder, classes: 10, learningRate: 2e-3 });
  const trainer = new Trainer({
    maxEpochs: epochs,
    gradientClipVal: 1,
    compile,
    logger: new TensorBoardLogger(logDir, { name: 'image-classification' }),
    callbacks: [
      new ModelCheckpoint({ monitor: 'val_acc', mode: 'max', filename: '{epoch:02d}-{val_acc:.3f}' }),
      new EarlyStopping({ monitor: 'val_loss', patience: 3 }),
    ],
    enableProgressBar: progress,
    enableModelSummary: progress,
  });
  try {
    await trainer.fit(model, { train, val });
    const [metrics] = await trainer.test(model, test, { ckptPath: 'best' });
    return metrics as Metrics;
  } finally {
    model.dispose();
  }
}

async function mnistOrDrawn(): Promise<ImageSplits> {
  try {
    return await mnist();
  } catch (error) {
    if (error instanceof DataError && error.code === 'data-not-found') return drawnDigits();
    throw error;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(await trainClassifier());
}
