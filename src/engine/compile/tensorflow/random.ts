/** Random masks on native TensorFlow, of two seeds: the same numbers whether a step is compiled or not. */
import { BERNOULLI } from '../../../core/bernoulli.ts';
import * as tf from '../../../core/tf.ts';
import type { Binding } from './backend.ts';

interface Attrs {
  readonly shape: number[];
  readonly probability: number;
  readonly value: number;
  readonly seed: readonly [number, number];
}

interface Executor {
  readonly binding: Binding & { readonly TF_ATTR_TYPE: number };
  executeSingleOutput(op: string, attrs: readonly object[], inputs: readonly tf.Tensor[]): tf.Tensor;
}

/** Registers the kernel of masks with the backend `'tensorflow'`, once. */
export function registerBernoulli(): void {
  if (tf.getKernel(BERNOULLI, 'tensorflow')) return;
  tf.registerKernel({
    kernelName: BERNOULLI,
    backendName: 'tensorflow',
    kernelFunc: ({ attrs, backend }) => {
      const { shape, probability, value, seed } = attrs as unknown as Attrs;
      return tf.tidy(() => {
        const uniform = drawUniform(backend as unknown as Executor, shape, seed);
        return tf.mul(tf.cast(tf.less(uniform, probability), 'float32'), value);
      });
    },
  });
}

function drawUniform(backend: Executor, shape: number[], seed: readonly [number, number]): tf.Tensor {
  const { TF_ATTR_TYPE: type, TF_FLOAT, TF_INT32 } = backend.binding;
  const attrs = [
    { name: 'dtype', type, value: TF_FLOAT },
    { name: 'T', type, value: TF_INT32 },
    { name: 'Tseed', type, value: TF_INT32 },
  ];
  return backend.executeSingleOutput('StatelessRandomUniform', attrs, [
    tf.tensor1d(shape, 'int32'),
    tf.tensor1d([...seed], 'int32'),
  ]);
}
