/**
 * The runs whose pictures are in `docs/tensorboard.md`: two small networks on drawn digits, and a student of the second.
 * `npx tsx scripts/tensorboard-demo.ts [directory]`
 */
import {
  ConfusionMatrixLogger,
  HistogramMonitor,
  ImagePredictionLogger,
  TeacherAgreement,
} from '../src/callbacks/index.ts';
import { DataLoader, drawnDigits } from '../src/data/index.ts';
import { DistillationModule, TemperatureCallback } from '../src/distillation/index.ts';
import { TensorBoardLogger } from '../src/loggers/index.ts';
import { convNet, ImageClassificationModel, mlp } from '../src/module/index.ts';
import { Trainer } from '../src/trainer/index.ts';

const [directory = 'runs/demo'] = process.argv.slice(2);
const inputs: [number, number, number] = [28, 28, 1];
const digits = drawnDigits({ train: 3000, test: 600, seed: 1 });
const train = () => new DataLoader(digits.train, { batchSize: 64, shuffle: true, seed: 1 });
const val = new DataLoader(digits.test, { batchSize: 200 });

function trainer(name: string, epochs: number, extra: ConstructorParameters<typeof Trainer>[0] = {}): Trainer {
  const { callbacks = [] } = extra;
  return new Trainer({
    logger: new TensorBoardLogger(directory, { name, version: 'run' }),
    maxEpochs: epochs,
    logEveryNSteps: 5,
    enableCheckpointing: false,
    callbacks: [
      new ConfusionMatrixLogger(),
      new ImagePredictionLogger({ maxBatches: 3 }),
      new HistogramMonitor({ everyNSteps: 20, gradients: true }),
      ...(Array.isArray(callbacks) ? callbacks : [callbacks]),
    ],
  });
}

const wide = new ImageClassificationModel({
  encoder: mlp({ inputs, hidden: [64, 64] }),
  classes: 10,
  learningRate: 1e-3,
});
await trainer('mlp', 5).fit(wide, train(), val);
const teacher = new ImageClassificationModel({
  encoder: convNet({ inputs, channels: [8, 16] }),
  classes: 10,
  learningRate: 3e-3,
});
await trainer('cnn', 3).fit(teacher, train(), val);
const student = new DistillationModule({
  encoder: mlp({ inputs, hidden: [16] }),
  classes: 10,
  teacher,
  temperature: 4,
});
const callbacks = [new TemperatureCallback({ schedule: 'cosine' }), new TeacherAgreement()];
await trainer('student', 5, { callbacks }).fit(student, train(), val);
