/**
 * What the trainer costs per step: `npm run bench:overhead`. The same MLP (64-32-10, batch 32, SGD) is trained by a
 * hand-written tfjs loop and by the trainer, with more and more attached, alternating within one process. Prints the
 * medians and their differences; absolute times mean little on a shared machine. `CLOCK=cpu` counts the processor time of
 * this process in place of the time on the wall, which other programs disturb less.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChromeTraceProfiler,
  LightningModule,
  losses,
  MemoryLogger,
  ModelSummary,
  ProgressBar,
  SGD,
  SimpleProfiler,
  startEngine,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';

const STEPS = 500;
const ROUNDS = Number(process.env.ROUNDS ?? 15);

const cpuTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const now = process.env.CLOCK === 'cpu' ? cpuTime : (): number => performance.now();

type Batch = { x: tf.Tensor2D; y: tf.Tensor1D };

class Net extends LightningModule<Batch> {
  readonly net = tf.sequential({
    layers: [tf.layers.dense({ units: 32, activation: 'relu', inputShape: [64] }), tf.layers.dense({ units: 10 })],
  });
  keys = 0;

  trainingStep({ x, y }: Batch): tf.Scalar {
    const loss = losses.crossEntropy(this.net.apply(x, { training: true }) as tf.Tensor2D, y);
    for (let i = 0; i < this.keys; i++) this.log(`loss_${i}`, loss);
    return loss;
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.01 });
  }
}

function batches(): Batch[] {
  return Array.from({ length: STEPS }, () => ({
    x: tf.randomNormal([32, 64]) as tf.Tensor2D,
    y: tf.randomUniform([32], 0, 10, 'int32') as tf.Tensor1D,
  }));
}

/** The loop that a user would write without a trainer. */
function byHand(data: readonly Batch[]): number {
  const module = new Net();
  const parameters = module.parameters();
  const optimizer = module.configureOptimizers();
  const start = now();
  for (const batch of data) {
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => module.trainingStep(batch), parameters);
      optimizer.step(grads);
    });
  }
  const elapsed = now() - start;
  optimizer.dispose();
  module.dispose();
  return (elapsed / STEPS) * 1000;
}

/** The trainer, timed from the start of training to its end. */
async function byTrainer(data: readonly Batch[], options: TrainerOptions, keys = 0): Promise<number> {
  const module = new Net();
  module.keys = keys;
  let start = 0;
  let elapsed = 0;
  module.onTrainStart = () => {
    start = now();
  };
  module.onTrainEnd = () => {
    elapsed = now() - start;
  };
  await new Trainer({ maxEpochs: 1, handleSignals: false, ...options }).fit(module, data as Batch[]);
  module.dispose();
  return (elapsed / STEPS) * 1000;
}

const nothing: TrainerOptions = { barebones: true };
const logging: TrainerOptions = { enableCheckpointing: false, enableProgressBar: false, enableModelSummary: false };

const nowhere = { write: () => true };
const directory = mkdtempSync(join(tmpdir(), 'kelvin-overhead-'));
const chromeTrace = (): ChromeTraceProfiler => new ChromeTraceProfiler({ path: join(directory, 'trace.json') });

/** TensorBoard, checkpoint, bar and summary, as a user gets them who asks for nothing; drawn on a terminal that is none. */
function allDefaults(): TrainerOptions {
  const terminal = { write: () => true, isTTY: true, columns: 80, rows: 24 };
  const callbacks = [new ProgressBar({ stream: terminal }), new ModelSummary({ stream: nowhere })];
  return { defaultRootDir: directory, callbacks };
}

const engine = await startEngine();
const data = batches();
const configurations: Record<string, () => number | Promise<number>> = {
  'hand-written loop': () => byHand(data),
  'trainer, nothing attached': () => byTrainer(data, nothing),
  'one key logged': () => byTrainer(data, nothing, 1),
  'five keys logged': () => byTrainer(data, nothing, 5),
  'one key, a row every 50 steps': () => byTrainer(data, { ...logging, logger: new MemoryLogger() }, 1),
  'simple profiler': () =>
    byTrainer(data, { ...logging, logger: false, profiler: new SimpleProfiler({ stream: nowhere }) }),
  'Chrome trace': () => byTrainer(data, { ...logging, logger: false, profiler: chromeTrace() }),
  'leaks watched': () => byTrainer(data, { ...logging, logger: false, detectLeaks: true }),
  'all defaults': () => byTrainer(data, allDefaults(), 1),
};

const times: Record<string, number[]> = {};
for (let round = 0; round <= ROUNDS; round++) {
  const names = Object.keys(configurations);
  for (const name of round % 2 === 0 ? names : names.reverse()) {
    const time = await (configurations[name] as () => number | Promise<number>)();
    if (round > 0) times[name] = [...(times[name] ?? []), time]; // the first round warms up
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const hand = times['hand-written loop'] as number[];
console.log(`engine ${engine.name} (${engine.detail}), ${STEPS} steps, ${ROUNDS} rounds, µs per step`);
console.log(
  `${'configuration'.padEnd(32)}${'median'.padStart(9)}${'minimum'.padStart(9)}${'above hand'.padStart(12)}${'ratio'.padStart(8)}`,
);
for (const [name, values] of Object.entries(times)) {
  const above = median(values.map((value, i) => value - (hand[i] as number)));
  const ratio = median(values.map((value, i) => value / (hand[i] as number)));
  const cells = [median(values), Math.min(...values), above].map((value) => value.toFixed(0));
  console.log(
    `${name.padEnd(32)}${(cells[0] as string).padStart(9)}${(cells[1] as string).padStart(9)}${(cells[2] as string).padStart(12)}${ratio.toFixed(2).padStart(8)}`,
  );
}
for (const batch of data) tf.dispose(batch as unknown as tf.TensorContainer);
rmSync(directory, { recursive: true, force: true });
