/**
 * Memory over 5,000 training steps on the embedded engine, threads at work: `npm run check:memory`. Fails when tensors,
 * the backend's memory or the process grow after the first tenth.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { Adam, losses, Random, startEngine, tf } from 'kelvin';

const STEPS = 5000;
const TOLERANCE = 1.1;

const { detail } = await startEngine({ engine: 'wasm' });
const { dense } = tf.layers;
const model = tf.sequential({
  layers: [dense({ units: 512, activation: 'relu', inputShape: [256] }), dense({ units: 10 })],
});
const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
const optimizer = new Adam(variables);
const random = new Random(1);
const x = tf.tensor2d(
  Float32Array.from({ length: 64 * 256 }, () => random.normal()),
  [64, 256],
);
const labels = tf.tensor1d(
  Int32Array.from({ length: 64 }, () => random.integer(10)),
  'int32',
);

function step(): void {
  const loss = () => losses.crossEntropy(model.apply(x, { training: true }) as tf.Tensor2D, labels);
  const { value, grads } = tf.variableGrads(loss, variables);
  optimizer.step(grads);
  tf.dispose([value, grads]);
}

const sizes = () => ({
  tensors: tf.memory().numTensors,
  engine: ((tf.backend() as unknown as BackendWasm).wasm as unknown as { HEAPU8: Uint8Array }).HEAPU8.length / 2 ** 20,
  process: process.memoryUsage.rss() / 2 ** 20,
});

const show = (at: number, { tensors, engine, process: whole }: ReturnType<typeof sizes>): void =>
  console.log(
    `${String(at).padStart(5)} steps: ${tensors} tensors, engine ${engine.toFixed(0)} MB, process ${whole.toFixed(0)} MB`,
  );

console.log(detail);
let first = sizes();
for (let i = 1; i <= STEPS; i++) {
  step();
  if (i % (STEPS / 10) !== 0) continue;
  // What nobody holds any more is no growth.
  globalThis.gc?.();
  const now = sizes();
  show(i, now);
  if (i === STEPS / 10) first = now;
  const grown = now.tensors > first.tensors || now.engine > first.engine || now.process > first.process * TOLERANCE;
  if (grown) process.exitCode = 1;
}
