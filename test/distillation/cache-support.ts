/** Small images and networks for the tests of cached teachers. */
import { ArrayDataset, DataLoader, Random, randomShift, type TeacherSource, tf } from 'kelvin';

export { weightsOf } from './support.ts';

/** Images of 5 by 5 pixels in four classes, drawn from `seed`. */
export function images(count: number, seed = 5) {
  const random = new Random(seed);
  return new ArrayDataset({
    x: { data: Float32Array.from({ length: count * 25 }, () => random.uniform()), shape: [5, 5, 1] },
    y: { data: Int32Array.from({ length: count }, (_, i) => i % 4), shape: [] },
  });
}

/** A network that tells these images apart; its weights depend on `seed` alone. */
export function imageNet(seed: number, hidden: number, classes = 4): tf.LayersModel {
  const init = (offset: number) => tf.initializers.glorotNormal({ seed: seed + offset });
  return tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [5, 5, 1] }),
      tf.layers.dense({ units: hidden, activation: 'relu', kernelInitializer: init(0) }),
      tf.layers.dense({ units: classes, kernelInitializer: init(1) }),
    ],
  });
}

/** Four batches per epoch of augmented images. */
export function shiftedImages() {
  const options = { batchSize: 16, seed: 3, transform: randomShift({ pixels: 1 }) };
  return new DataLoader(images(50), options);
}

/** A teacher that counts how often it is asked. */
export function shiftedTeacher(onAsked: () => void = () => {}): TeacherSource & { asked: number } {
  const network = imageNet(7, 12);
  const teacher = {
    name: 'counting',
    classes: 4,
    asked: 0,
    fingerprint: () => 'of the test',
    outputs: (x: tf.Tensor) => {
      onAsked();
      teacher.asked += 1;
      return new Map([['', network.apply(x) as tf.Tensor]]);
    },
    dispose: () => void network.dispose(),
  };
  return teacher;
}
