/** Gradients that TensorFlow has as one operation: of relu and relu6, of a bias, of softmax with cross-entropy. */
import * as tf from '../../core/tf.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';

/** Registers KelvinClippedGrad, KelvinCrossEntropy, KelvinKLDivergence, Add of a bias, and the Sum that is its gradient. */
export function directGradients(backend: TensorFlowBackend): void {
  const { T, text } = attributes(backend);
  const nhwc = text('data_format', 'NHWC');
  const single = (name: string, attrs: Parameters<TensorFlowBackend['executeSingleOutput']>[1], ...inputs: Info[]) =>
    backend.executeSingleOutput(name, attrs, inputs);

  direct<{ low: number; high: number }>('KelvinClippedGrad', ({ x, dy }, { high }) =>
    single(high === 6 ? 'Relu6Grad' : 'ReluGrad', [T], dy as Info, x as Info),
  );
  // The gradient of a bias is a sum over all but the channels.
  direct<tf.SumAttrs>(tf.Sum, (inputs, attrs) => {
    const x = inputs.x as Info;
    const { axis, keepDims } = attrs as unknown as { axis: number | number[]; keepDims?: boolean };
    const axes = new Set(tf.util.parseAxisParam(axis, x.shape));
    const fits = x.dtype === 'float32' && !keepDims && x.shape.length > 1 && x.shape.length <= 5;
    if (!fits || axes.size !== x.shape.length - 1 || axes.has(x.shape.length - 1)) return undefined;
    return single('BiasAddGrad', [T, nhwc], x);
  });
  direct<{ whole: boolean }>('KelvinCrossEntropy', (inputs, { whole }) => {
    const { logits, target } = inputs as Record<'logits' | 'target', tf.Tensor>;
    return tf.tidy(() => {
      const given = [logits, target];
      const outputs = backend.executeMultipleOutputs('SoftmaxCrossEntropyWithLogits', [T], given, 2);
      const [losses, difference] = outputs as [tf.Tensor, tf.Tensor];
      if (whole) return [losses, difference];
      // TensorFlow takes each row for a distribution: softmax - target, where softmax · mass - target is meant.
      const probabilities = tf.add(difference, target);
      return [losses, tf.sub(tf.mul(probabilities, tf.sum(target, 1, true)), target)];
    });
  });
  direct<{ temperature: number }>('KelvinKLDivergence', (inputs, { temperature }) => {
    const { student, teacher } = inputs as Record<'student' | 'teacher', tf.Tensor>;
    return tf.tidy(() => {
      const soften = (logits: tf.Tensor): tf.Tensor => (temperature === 1 ? logits : tf.mul(logits, 1 / temperature));
      const taught = soften(teacher);
      const target = single('Softmax', [T], taught);
      // The cross-entropy of two distributions less the entropy of the first; the gradient is that of the former.
      const crossed = (logits: tf.Tensor): tf.Tensor[] =>
        backend.executeMultipleOutputs('SoftmaxCrossEntropyWithLogits', [T], [logits, target], 2);
      const [losses, slope] = crossed(soften(student)) as [tf.Tensor, tf.Tensor];
      return [tf.sub(losses, crossed(taught)[0] as tf.Tensor), slope];
    });
  });
  direct(tf.Add, ({ a, b }) =>
    isBias(a as Info, b as Info) ? single('BiasAdd', [T, nhwc], a as Info, b as Info) : undefined,
  );
}

/** Whether adding `b` to `a` adds one number per channel. */
export function isBias(a: Info, b: Info): boolean {
  const last = a.shape.at(-1);
  return (
    b.shape.length === 1 &&
    a.shape.length > 1 &&
    a.shape.length <= 5 &&
    b.shape[0] === last &&
    a.dtype === 'float32' &&
    b.dtype === 'float32'
  );
}
