/** Logits and probabilities told apart. */
import * as tf from '../../core/tf.ts';

/** The least probability whose logarithm is taken: the least normal number of float32. */
const TINY = 2 ** -126;

/** Whether a model gives probabilities instead of logits. */
export function endsInSoftmax(model: tf.LayersModel): boolean {
  const last = (model.outputs[0] as tf.SymbolicTensor).sourceLayer;
  if (last instanceof tf.LayersModel) return endsInSoftmax(last);
  return last.getClassName() === 'Softmax' || last.getConfig().activation === 'softmax';
}

/** The logarithm of probabilities: logits but for a constant in each row, which no softmax minds at any temperature. */
export function logitsOfProbabilities(probabilities: tf.Tensor): tf.Tensor {
  return tf.log(tf.maximum(probabilities, TINY));
}
