/** Logits on the host: the soft targets of the transfer set, and what errors are counted from. */
import {
  type ArrayDataset,
  type ClassScores,
  DataLoader,
  type ImageClassificationModel,
  type ImageColumns,
  tf,
} from 'kelvin';

const CLASSES = 10;

/** Runs a network over a data set, in its order and without training it. */
export function logitsOf(model: ImageClassificationModel, dataset: ArrayDataset<ImageColumns>): ClassScores {
  const logits = new Float32Array(dataset.length * CLASSES);
  const { training } = model;
  model.eval();
  let row = 0;
  for (const { x, y } of new DataLoader(dataset, { batchSize: 1000 })) {
    const said = tf.tidy(() => model.forward(x));
    logits.set(said.dataSync(), row * CLASSES);
    row += x.shape[0] as number;
    tf.dispose([x, y, said]);
  }
  model.train(training);
  return { logits, labels: dataset.columns.y.data };
}
