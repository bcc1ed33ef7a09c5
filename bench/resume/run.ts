/**
 * A short training run with everything in it that a resume must bring back. Started as a process of its own by kill.ts,
 * which may kill it at any moment: `tsx bench/resume/run.ts <directory>` goes on from the newest checkpoint there is. It
 * writes a letter to standard output at every event, which tells where it is, and, when it is through, `result.json`.
 */
import { existsSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  Adam,
  ArrayDataset,
  CombinedLoader,
  CSVLogger,
  cosineWithWarmup,
  DataLoader,
  Dropout,
  EarlyStopping,
  EMAWeightAveraging,
  HOOK_NAMES,
  LearningRateMonitor,
  LightningModule,
  losses,
  ModelCheckpoint,
  Random,
  randomShift,
  seedEverything,
  TensorBoardLogger,
  Trainer,
  tf,
} from 'kelvin';
import type { RunResult } from './kill.ts';

type Batch = { x: tf.Tensor4D; y: tf.Tensor1D };

/** What the two training loaders give at once. */
type Pair = { main: Batch; more: Batch };

class Net extends LightningModule<Pair | Batch> {
  readonly net = tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [4, 4, 1] }),
      tf.layers.dense({ units: 16, activation: 'relu' }),
      new Dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 3 }),
    ],
  });
  #batchEnds = 0;

  trainingStep(batch: Pair | Batch): tf.Scalar {
    const { main, more } = batch as Pair;
    const [first, second] = [main, more].map(({ x, y }) =>
      losses.crossEntropy(this.net.apply(x, { training: this.training }) as tf.Tensor2D, y),
    ) as [tf.Tensor, tf.Tensor];
    const loss = tf.add(first, tf.mul(second, 0.5)) as tf.Scalar;
    this.log('train_loss', loss, { onStep: true, onEpoch: true });
    return loss;
  }

  override onTrainBatchEnd(): void {
    this.log('batch_ends', ++this.#batchEnds);
  }

  override onSaveCheckpoint({ state }: { state: { user: Record<string, unknown> } }): void {
    state.user.batchEnds = this.#batchEnds;
  }

  override onLoadCheckpoint({ state }: { state: { user: Record<string, unknown> } }): void {
    this.#batchEnds = Number(state.user.batchEnds);
  }

  override validationStep(batch: Pair | Batch): void {
    const { x, y } = batch as Batch;
    const loss = losses.crossEntropy(this.net.apply(x) as tf.Tensor2D, y) as tf.Scalar;
    this.log('val_loss', loss);
    this.log('seen_loss', loss, { onStep: true, onEpoch: false }); // on an x axis of its own
    tf.randomUniform([2]).dispose();
  }

  override configureOptimizers() {
    const optimizer = new Adam(this.parameters(), { lr: 0.05 });
    const scheduler = cosineWithWarmup(optimizer, { warmupSteps: 3, totalSteps: 40 });
    return { optimizer, lrScheduler: { scheduler, interval: 'step' as const } };
  }
}

function data(count: number, seed: number) {
  const random = new Random(seed);
  const images = Float32Array.from({ length: count * 16 }, () => random.uniform());
  const labels = Int32Array.from({ length: count }, () => random.integer(3));
  return new ArrayDataset({ x: { data: images, shape: [4, 4, 1] }, y: { data: labels, shape: [] } });
}

/**
 * Seven batches an epoch, of two loaders at once, the shorter of which begins again; windows of three, validation after batches 3, 6 and 9 of the whole run and so
 * on.
 */
async function run(directory: string): Promise<RunResult> {
  const tensorBoard = new TensorBoardLogger(directory, { name: 'tb' });
  const csv = new CSVLogger(directory, { name: 'csv', flushEveryNRows: 5 });
  const trainer = new Trainer({
    engine: 'wasm',
    maxEpochs: 8,
    accumulateGradBatches: 3,
    logEveryNSteps: 1,
    valCheckInterval: 3,
    checkValEveryNEpoch: null,
    enableProgressBar: false,
    enableModelSummary: false,
    handleSignals: false,
    logger: [tensorBoard, csv],
    callbacks: [
      new LearningRateMonitor({ loggingInterval: 'step' }),
      new EMAWeightAveraging({ decay: 0.9 }),
      new EarlyStopping({ monitor: 'val_loss', patience: 7 }),
      new ModelCheckpoint({ everyNTrainSteps: 2, saveLast: true }),
      new ModelCheckpoint({ monitor: 'val_loss', saveTopK: 2, filename: 'best-{epoch}-{step}' }),
    ],
  });
  const place = (): string => {
    if (trainer.validating) return 'v';
    const inEpoch = trainer.globalBatch % 7;
    return inEpoch % 3 === 0 ? '.' : 'o'; // the accumulation window is open
  };
  for (const hook of HOOK_NAMES) trainer.on(hook, () => void writeSync(1, place()));
  const module = new Net();
  const transform = randomShift({ pixels: 1 });
  const main = new DataLoader(data(27, 7), { batchSize: 4, shuffle: true, transform });
  const more = new DataLoader(data(6, 9), { batchSize: 2, shuffle: true, transform });
  const val = new DataLoader(data(8, 8), { batchSize: 4, shuffle: true });
  const ckptPath = hasCheckpoint(directory) ? 'last' : undefined;
  const result = await trainer.fit(module, { train: new CombinedLoader({ main, more }), val, ckptPath });
  const weights = [...module.namedVariables().values()].map((variable) => {
    const values = variable.dataSync();
    return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
  });
  const { status, epochs, steps, metrics } = result;
  return { status, epochs, steps, metrics, weights, csv: csv.logDir, tensorBoard: tensorBoard.logDir };
}

function hasCheckpoint(directory: string): boolean {
  if (!existsSync(directory)) return false;
  return readdirSync(directory, { recursive: true }).some((name) =>
    /(^|[/\\])[^./\\][^/\\]*\.ckpt$/.test(String(name)),
  );
}

seedEverything(1);
const directory = process.argv[2] as string;
writeFileSync(join(directory, 'result.json'), JSON.stringify(await run(directory)));
