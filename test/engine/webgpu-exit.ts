/** A program that computes on WebGPU and comes to its end: its process must end too. Run by webgpu-training.test.ts. */
import { startEngine, tf } from '../../src/index.ts';

await startEngine({ engine: 'webgpu' });
const x = tf.ones([400, 400]);
const y = tf.matMul(x, x);
console.log((await y.data())[0]);
