/**
 * Kelvin as a contestant: its trainer with its own defaults (TensorBoard, progress bar, checkpoints, summary, compiled
 * steps) on the engine that `BENCH_ENGINE` names. `gemm` for a model: products of two 1024x1024 matrices alone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  Adam,
  type Callback,
  countMacs,
  type EngineName,
  LightningModule,
  losses,
  ModelSummary,
  ProgressBar,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { makeTask, type Task, type TaskName } from '../engines/models.ts';

const lines = createInterface(process.stdin)[Symbol.asyncIterator]();

/** Turns, as in turns.py: `tick` comes before each step. */
class Turns {
  #steps = 0;
  #least = 0;
  #warm = 0;
  #begin: number | undefined;
  #end = 0;
  #result: object;

  constructor(facts: object) {
    this.#result = facts;
  }

  tick(): Promise<void> | undefined {
    const now = performance.now();
    if (this.#end === 0) return this.#wait();
    if (this.#begin === undefined) {
      if (now >= this.#warm) this.#begin = now;
      return undefined;
    }
    this.#steps++;
    if (this.#steps < this.#least || now < this.#end) return undefined;
    this.#result = { ms: (now - this.#begin) / this.#steps };
    return this.#wait();
  }

  async #wait(): Promise<void> {
    process.stdout.write(`${JSON.stringify(this.#result)}\n`);
    const { value, done } = await lines.next();
    if (done) process.exit();
    const [ms, least] = value.split(' ').map(Number) as [number, number];
    const now = performance.now();
    this.#steps = 0;
    this.#least = least;
    this.#begin = undefined;
    this.#warm = now + ms / 5;
    this.#end = now + ms;
  }
}

type Batch = { x: tf.Tensor; y: tf.Tensor1D };

class Net extends LightningModule<Batch> {
  readonly net: tf.LayersModel;

  constructor({ model }: Task) {
    super();
    this.net = model;
  }

  trainingStep({ x, y }: Batch): tf.Scalar {
    const loss = losses.crossEntropy(this.net.apply(x, { training: this.training }) as tf.Tensor2D, y);
    this.log('loss', loss, { progBar: true });
    return loss;
  }

  override configureOptimizers(): Adam {
    return new Adam(this.parameters(), { lr: 1e-5 });
  }
}

/** Floating-point operations of a training step: forward, gradients of weights, gradients of all inputs but the first. */
function operationsOf({ model, x }: Task): number {
  const head = tf.model({ inputs: model.inputs, outputs: model.layers[0]?.output as tf.SymbolicTensor });
  return 2 * (x.shape[0] as number) * (3 * countMacs(model) - countMacs(head));
}

async function train(name: TaskName): Promise<void> {
  const task = makeTask(name);
  const different = Array.from({ length: 8 }, (_, i) => ({
    x: tf.randomNormal(task.x.shape, 0, 1, 'float32', i),
    y: tf.randomUniform(task.labels.shape, 0, 10, 'int32', i) as tf.Tensor1D,
  }));
  const batches = Array.from({ length: 3_000_000 }, (_, i) => different[i % 8] as Batch);
  const turns = new Turns({ operations: operationsOf(task) });
  const watch: Callback = { onTrainBatchStart: () => turns.tick() as Promise<undefined> | undefined };
  const directory = mkdtempSync(join(tmpdir(), 'kelvin-peers-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  // What a terminal would be shown is drawn, and thrown away.
  const stream = { write: () => true, isTTY: true, columns: 80, rows: 24 };
  const callbacks = [watch, new ProgressBar({ stream }), new ModelSummary({ stream })];
  await new Trainer({ maxEpochs: 1, defaultRootDir: directory, callbacks }).fit(new Net(task), batches);
}

async function multiply(): Promise<void> {
  const turns = new Turns({});
  const [a, b] = [tf.randomNormal([1024, 1024]), tf.randomNormal([1024, 1024])];
  for (;;) {
    await turns.tick();
    tf.dispose(tf.matMul(a, b));
  }
}

await startEngine({ engine: process.env.BENCH_ENGINE as EngineName });
const [model] = process.argv.slice(2) as [TaskName | 'gemm'];
await (model === 'gemm' ? multiply() : train(model));
