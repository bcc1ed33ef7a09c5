/**
 * Finds the operation that makes the first NaN: every kernel of the running backend is wrapped, and what it computes is
 * looked at while a watched part of a step runs.
 */
import { NonFiniteError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { replaceKernel } from './compile/recorder.ts';

/** The parts of a tfjs backend that are needed to look at data and to drop it. */
interface DataStore {
  readSync(dataId: object): ArrayLike<number>;
  disposeData(dataId: object): unknown;
}

type Call = Parameters<tf.KernelFunc>[0];

export class AnomalyWatch {
  readonly #where: () => string;
  #watching = false;
  #detach = (): void => {};

  /** @param where says for errors what is running: the step and its place in training */
  constructor(where: () => string) {
    this.#where = where;
  }

  /** Wraps the kernels. Call {@link detach} at the end. */
  attach(): void {
    const kernels = tf.getKernelsForBackend(tf.getBackend());
    for (const kernel of kernels) replaceKernel({ ...kernel, kernelFunc: (call) => this.#run(kernel, call) });
    this.#detach = () => {
      for (const kernel of kernels) replaceKernel(kernel);
    };
  }

  /** Gives the backend its own kernels back. */
  detach(): void {
    this.#detach();
    this.#detach = () => {};
  }

  /**
   * Runs a synchronous part of a step and looks at everything that it computes.
   *
   * @throws NonFiniteError `anomaly`
   */
  within<T>(body: () => T): T {
    return this.#with(true, body);
  }

  #with<T>(watching: boolean, body: () => T): T {
    const outer = this.#watching;
    this.#watching = watching;
    try {
      return body();
    } finally {
      this.#watching = outer;
    }
  }

  #run(kernel: tf.KernelConfig, call: Call): ReturnType<tf.KernelFunc> {
    if (!this.#watching) return kernel.kernelFunc(call);
    const result = this.#with(false, () => kernel.kernelFunc(call)); // of kernels that call others the outermost is named
    const outputs = Array.isArray(result) ? result : [result];
    const bad = outputs.find((output) => nansIn(output) > 0);
    if (bad === undefined) return result;
    const error = this.#anomaly(kernel.kernelName, bad, call);
    for (const { dataId } of outputs) storeHere().disposeData(dataId);
    throw error;
  }

  #anomaly(kernel: string, bad: tf.TensorInfo, { inputs }: Call): NonFiniteError {
    const given = Object.entries(inputs as Readonly<Record<string, tf.TensorInfo | undefined>>).flatMap(
      ([name, tensor]) => (tensor === undefined || tensor === null ? [] : [{ name, tensor }]),
    );
    const spoilt = given.find(({ tensor }) => nansIn(tensor) > 0);
    const shapes = given.map(({ name, tensor }) => `${name} [${tensor.shape}]`).join(', ');
    return new NonFiniteError(`${this.#where()}: the operation ${kernel}`, {
      code: 'anomaly',
      expected: `numbers from ${shapes}`,
      got: `NaN in ${nansIn(bad)} of ${tf.util.sizeFromShape(bad.shape)} values`,
      help:
        spoilt === undefined
          ? 'its inputs had none: look for logarithms, roots and quotients of 0 there; the weights are those before this step'
          : `its input \`${spoilt.name}\` had some before: look at the data and the weights`,
    });
  }
}

const storeHere = (): DataStore => tf.backend() as unknown as DataStore;

function nansIn({ dataId, dtype }: tf.TensorInfo): number {
  if (dtype !== 'float32') return 0;
  const values = storeHere().readSync(dataId);
  let count = 0;
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) count++;
  return count;
}
