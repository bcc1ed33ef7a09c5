/**
 * What a cached teacher costs: `npm run bench:cache`. Epochs of a student learning from labels alone, from a cache of its
 * teacher's logits too, from a constant teacher, and from the teacher itself (784-1200-1200-10), alternating within one process, on images of
 * 28 by 28 in batches of 128. Prints medians, and the ratios of neighbouring runs. HIDDEN, EPOCHS and ROUNDS in the
 * environment change the student and the length; `CLOCK=cpu` counts this process's processor time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cacheTeacherLogits,
  DataLoader,
  DistillationModule,
  drawnDigits,
  ImageClassificationModel,
  mlp,
  startEngine,
  type Teacher,
  type TeacherSource,
  Trainer,
  tf,
} from 'kelvin';

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const EPOCHS = Number(process.env.EPOCHS ?? 2);
const IMAGES = 6400;
const hidden = (process.env.HIDDEN ?? '800,800').split(',').map(Number);

const cpuTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const now = process.env.CLOCK === 'cpu' ? cpuTime : (): number => performance.now();

const engine = await startEngine();
const { train } = drawnDigits({ train: IMAGES, test: 1 });
const loader = () => new DataLoader(train, { batchSize: 128, shuffle: true, seed: 1 });
const large = mlp({ inputs: [28, 28, 1], hidden: [1200, 1200, 10] });
const directory = mkdtempSync(join(tmpdir(), 'kelvin-cache-'));
const caches = {
  'cached, fp32': await cacheTeacherLogits(large, loader(), { file: join(directory, '32.logits') }),
  'cached, fp16': await cacheTeacherLogits(large, loader(), { file: join(directory, '16.logits'), format: 'fp16' }),
};

/** Milliseconds per epoch, from the start of training to its end. */
async function epoch(teacher?: Teacher): Promise<number> {
  const student = { encoder: mlp({ inputs: [28, 28, 1], hidden }), classes: 10 };
  const model = teacher
    ? new DistillationModule({ ...student, teacher, alpha: 0.9, temperature: 4 })
    : new ImageClassificationModel(student);
  let [start, elapsed] = [0, 0];
  model.onTrainStart = () => {
    start = now();
  };
  model.onTrainEnd = () => {
    elapsed = now() - start;
  };
  await new Trainer({ maxEpochs: EPOCHS, barebones: true, handleSignals: false }).fit(model, { train: loader() });
  model.dispose();
  return elapsed / EPOCHS;
}

/** Always the same logits: what is left is the cost of the loss. */
const constant: TeacherSource = {
  name: 'constant',
  classes: 10,
  outputs: (x) => new Map([['', tf.zeros([x.shape[0] as number, 10])]]),
};

const configurations: Record<string, () => Promise<number>> = {
  'labels alone': () => epoch(),
  'a constant teacher': () => epoch(constant),
  ...Object.fromEntries(Object.entries(caches).map(([name, cache]) => [name, () => epoch(cache)])),
  'the teacher itself': () => epoch(large),
};
const times: Record<string, number[]> = {};
for (let round = 0; round <= ROUNDS; round++) {
  const names = Object.keys(configurations);
  for (const name of round % 2 === 0 ? names : names.reverse()) {
    const time = await (configurations[name] as () => Promise<number>)();
    if (round > 0) times[name] = [...(times[name] ?? []), time]; // the first round warms up
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const plain = times['labels alone'] as number[];
console.log(
  `engine ${engine.name} (${engine.detail}), student 784-${hidden.join('-')}-10, ms per epoch of ${IMAGES} images`,
);
console.log(`${'taught by'.padEnd(24)}${'median'.padStart(9)}${'minimum'.padStart(9)}${'ratio'.padStart(8)}`);
for (const name of Object.keys(configurations)) {
  const values = times[name] as number[];
  const ratio = median(values.map((value, i) => value / (plain[i] as number)));
  const cells = [median(values).toFixed(0), Math.min(...values).toFixed(0), ratio.toFixed(3)];
  console.log(`${name.padEnd(24)}${cells.map((cell, i) => cell.padStart(i === 2 ? 8 : 9)).join('')}`);
}
for (const cache of Object.values(caches)) cache.dispose();
tf.dispose(large.weights.map((weight) => weight.read()));
rmSync(directory, { recursive: true, force: true });
