/** Reshaping, which TensorFlow does without a copy: tfjs-node makes a tensor of the new shape for every call, here they are kept. */
import * as tf from '../../core/tf.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';

/** How many shapes are kept. */
const KEPT = 256;

/** Registers Reshape. */
export function directReshape(backend: TensorFlowBackend): void {
  const { binding } = backend;
  const { T, type } = attributes(backend);
  const attrs = [T, type('Tshape', binding.TF_INT32)];
  const shapes = new Map<string, number>();
  const shapeOf = (shape: readonly number[]): number => {
    const key = shape.join();
    const known = shapes.get(key);
    if (known !== undefined) return known;
    const id = binding.createTensor([shape.length], binding.TF_INT32, Int32Array.from(shape));
    shapes.set(key, id);
    const [[oldest, old]] = shapes as unknown as [[string, number]];
    if (shapes.size > KEPT) {
      shapes.delete(oldest);
      binding.deleteTensor(old);
    }
    return id;
  };
  direct<tf.ReshapeAttrs>(tf.Reshape, (inputs, { shape }) => {
    const x = inputs.x as Info;
    if (x.dtype !== 'float32') return undefined;
    const [id] = backend.getInputTensorIds([x]) as [number];
    const [output] = binding.executeOp('Reshape', attrs, [id, shapeOf(shape)], 1);
    return backend.createOutputTensor(output as never);
  });
}
