/** One contestant, in a process of its own: trains the model that it is told, as long as it is asked to. */
import { Adam, losses, startEngine, tf } from 'kelvin';
import { makeTask, type TaskName } from './models.ts';

const [task, engine, how] = process.argv.slice(2) as [TaskName, 'wasm' | 'tensorflow' | 'webgpu', 'shipped' | 'kelvin'];

/** One step of tfjs's own optimizer and loss on the engine as it is shipped. */
function shippedStep({ model, x, labels }: ReturnType<typeof makeTask>): () => void {
  const optimizer = tf.train.adam(1e-3);
  return () => {
    const target = tf.oneHot(labels, 10);
    optimizer.minimize(() => {
      const logits = model.apply(x, { training: true }) as tf.Tensor2D;
      return tf.losses.softmaxCrossEntropy(target, logits) as tf.Scalar;
    });
    target.dispose();
  };
}

function kelvinStep({ model, x, labels }: ReturnType<typeof makeTask>): () => void {
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = new Adam(variables);
  const loss = () =>
    losses.crossEntropy(model.apply(x, { training: true }) as tf.Tensor2D, labels, { reduction: 'mean' });
  return () => {
    const { value, grads } = tf.variableGrads(loss, variables);
    optimizer.step(grads);
    tf.dispose([value, grads]);
  };
}

if (engine === 'wasm' && how === 'shipped') {
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
} else await startEngine({ engine });
const step = how === 'shipped' ? shippedStep(makeTask(task)) : kelvinStep(makeTask(task));

/** Returns when the device has done what it was given: a queue takes steps faster than they are computed. */
async function finish(): Promise<void> {
  const last = tf.tidy(() => tf.add(tf.scalar(1), 1));
  await last.data();
  last.dispose();
}

process.on('message', async (turn: number) => {
  try {
    const start = performance.now();
    let steps = 0;
    do {
      step();
      steps++;
      if (engine === 'webgpu' && steps % 10 === 0) await finish();
    } while (performance.now() - start < turn);
    if (engine === 'webgpu') await finish();
    process.send?.({ ms: (performance.now() - start) / steps });
  } catch (error) {
    process.send?.({ failure: (error as Error).message.split('\n')[0] });
  }
});
process.send?.('ready');
