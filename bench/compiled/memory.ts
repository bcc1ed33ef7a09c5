/**
 * Memory over many compiled steps on native TensorFlow: tensors, heap and resident memory must be flat.
 *
 *     npm run check:compiled [-- STEPS]
 */
import { Adam, LightningModule, losses, mlp, startEngine, Trainer, tf } from '../../src/index.ts';

const STEPS = Number(process.argv[2] ?? 20_000);
const ROUNDS = 10;
/** What the heap may grow after the first fifth, in bytes per step; its own noise is half a megabyte. */
const MOST_PER_STEP = 40;
/** What resident memory may grow, in bytes. */
const MOST_RESIDENT = 16e6;

type Batch = { readonly x: tf.Tensor2D; readonly y: tf.Tensor1D };

class Small extends LightningModule<Batch> {
  readonly net = mlp({ inputs: 64, hidden: [32], classes: 10, dropout: 0.1 });
  trainingStep({ x, y }: Batch): tf.Scalar {
    const loss = losses.crossEntropy(this.net.apply(x, { training: this.training }) as tf.Tensor2D, y);
    this.log('train_loss', loss);
    return loss;
  }
  override configureOptimizers(): Adam {
    return new Adam(this.parameters());
  }
}

interface Sample {
  readonly step: number;
  readonly tensors: number;
  readonly heap: number;
  readonly resident: number;
}

const { gc } = globalThis as { gc?: () => void };
const samples: Sample[] = [];
const note = (step: number): void => {
  gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  samples.push({ step, tensors: tf.memory().numTensors, heap: heapUsed, resident: rss });
};

const x = Float32Array.from({ length: 32 * 64 }, (_, i) => Math.sin(i));
const y = Int32Array.from({ length: 32 }, (_, i) => i % 10);
const loader = {
  length: STEPS,
  *[Symbol.iterator]() {
    for (;;) yield { x: tf.tensor2d(x.slice(), [32, 64]), y: tf.tensor1d(y.slice(), 'int32') };
  },
};

await startEngine({ engine: 'tensorflow' });
const trainer = new Trainer({ maxSteps: STEPS, barebones: true, compile: true });
let step = 0;
trainer.on('trainBatchEnd', () => {
  if (++step % (STEPS / ROUNDS) === 0) note(step);
});
await trainer.fit(new Small(), loader);

for (const { step, tensors, heap, resident } of samples)
  process.stdout.write(
    `${step} steps: ${tensors} tensors, heap ${(heap / 1e6).toFixed(1)} MB, resident ${(resident / 1e6).toFixed(0)} MB\n`,
  );
const [, from] = samples as [Sample, Sample];
const to = samples.at(-1) as Sample;
const perStep = (to.heap - from.heap) / (to.step - from.step);
process.stdout.write(`heap ${perStep.toFixed(1)} bytes per step\n`);
const grown = to.resident - from.resident > MOST_RESIDENT;
if (to.tensors !== from.tensors || perStep > MOST_PER_STEP || grown) process.exitCode = 1;
