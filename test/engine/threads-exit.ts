/** A program that uses threads and comes to its end: its process must end too. Run by threads.test.ts. */
import { startEngine, tf } from '../../src/index.ts';

await startEngine({ engine: 'wasm', threads: 2 });
tf.tidy(() => {
  const x = tf.ones([400, 400]);
  for (let i = 0; i < 20; i++) tf.matMul(x, x);
});
process.disconnect?.();
