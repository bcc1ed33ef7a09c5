/**
 * Grades eyes from 0 to 4, as in APTOS 2019: a table with a folder of images, a stratified split, augmentation, weights for
 * rare grades, several views at test time, and quadratic weighted kappa as the measure. It draws the images itself.
 *
 * After a build, with sharp installed: `node dist/examples/image-classification/retina.js`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  compose,
  convNet,
  csvImages,
  DataLoader,
  EpochMetricLogger,
  ImageClassificationModel,
  losses,
  type Metrics,
  metrics,
  randomHorizontalFlip,
  randomVerticalFlip,
  seedEverything,
  startEngine,
  stratifiedSplit,
  Trainer,
  type TrainerOptions,
} from 'kelvin';
import { drawFundusImages, type FundusImages } from './fundus.ts';

/** Options of {@link gradeEyes}. */
export interface GradeOptions {
  readonly data: FundusImages;
  /** Default 12. */
  readonly epochs?: number | undefined;
  /** Default true. */
  readonly progress?: boolean | undefined;
  /** The trainer's flag. Default `'auto'`. */
  readonly compile?: TrainerOptions['compile'];
}

/** Trains on four fifths of the images and returns the metrics on the rest, `test_kappa` among them. */
export async function gradeEyes({ data, epochs = 12, progress = true, compile }: GradeOptions): Promise<Metrics> {
  await startEngine();
  const restore = seedEverything(3);
  const eyes = await csvImages({ ...data, id: 'id_code', label: 'diagnosis', size: 32 });
  const [trainEyes, testEyes] = stratifiedSplit(eyes, eyes.labels, [0.8, 0.2], 3) as [typeof eyes, typeof eyes];
  const transform = compose([randomHorizontalFlip(), randomVerticalFlip()]);
  const train = new DataLoader(trainEyes, { batchSize: 16, shuffle: true, transform });
  const test = new DataLoader(testEyes, { batchSize: 64 });
  const classes = eyes.classes.length;
  const model = new ImageClassificationModel({
    encoder: convNet({ inputs: [32, 32, 3], channels: [8, 16] }),
    classes,
    learningRate: 5e-3,
    classWeights: losses.balancedClassWeights(eyes.labels, classes).map(Math.sqrt),
    testViews: ['identity', 'flipHorizontal', 'flipVertical'],
  });
  const trainer = new Trainer({
    maxEpochs: epochs,
    compile,
    logger: false,
    enableCheckpointing: false,
    callbacks: new EpochMetricLogger({
      kappa: new metrics.QuadraticWeightedKappa(classes),
      auc: new metrics.RocAuc(),
      sensitivity: new metrics.Sensitivity(classes),
    }),
    enableProgressBar: progress,
    enableModelSummary: progress,
  });
  try {
    await trainer.fit(model, { train });
    const [measured] = await trainer.test(model, test);
    return measured as Metrics;
  } finally {
    model.dispose();
    restore();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = mkdtempSync(join(tmpdir(), 'kelvin-eyes-'));
  try {
    console.log(await gradeEyes({ data: await drawFundusImages(directory, { count: 800, seed: 1 }) }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
