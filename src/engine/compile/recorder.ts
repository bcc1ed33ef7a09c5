/**
 * Records a step. While a recorder is attached, every kernel of the running backend is wrapped: it runs as always, and is
 * noted with the data that went in and came out. Of kernels that call others only the outermost is kept.
 */
import { holdFused } from '../../core/fused.ts';
import type { HostWork, NamedTensors, NumberSource, Recording } from '../../core/recording.ts';
import { whileRecording } from '../../core/recording.ts';
import * as tf from '../../core/tf.ts';
import { withWholeBatchNorm } from './batch-norm.ts';
import { here } from './origin.ts';
import type { FedNumber, GivenTensor, Obstacle, RepeatedWork, Tape, TapeEntry, TensorRef } from './tape.ts';

/** The parts of a tfjs backend through which values come from the host and go to it. */
interface HostDoors {
  write(values: tf.backend_util.TypedArray, shape: number[], dtype: tf.DataType): object;
  readSync(dataId: object): unknown;
  read(dataId: object): Promise<unknown>;
}

export class Recorder implements Recording {
  readonly #entries: TapeEntry[] = [];
  readonly #numbers = new Map<object, FedNumber>();
  readonly #work: RepeatedWork[] = [];
  readonly #given = new Map<string, GivenTensor>();
  #obstacle: Obstacle | undefined;
  #depth = 1; // what runs at a depth above 0 is not noted
  #detach: () => void = () => {};

  /** Wraps the kernels. Call {@link detach} when the step is over, also when it failed. */
  attach(): void {
    const backend = tf.getBackend();
    const kernels = tf.getKernelsForBackend(backend);
    for (const kernel of kernels) replaceKernel({ ...kernel, kernelFunc: (call) => this.#run(kernel, call) });
    const closeDoors = this.#watchDoors(tf.backend() as unknown as HostDoors);
    const restoreBatchNorm = withWholeBatchNorm();
    const release = holdFused(); // what engines fuse is taken down in tfjs's own operations
    this.#detach = () => {
      for (const kernel of kernels) replaceKernel(kernel);
      closeDoors();
      restoreBatchNorm();
      release();
    };
  }

  /** Gives the backend its own kernels back. */
  detach(): void {
    this.#detach();
    this.#detach = () => {};
  }

  /** Runs a synchronous part of the step; what runs outside of it is not noted. */
  within<T>(body: () => T): T {
    const outer = this.#depth;
    this.#depth = 0;
    try {
      return whileRecording(this, body);
    } finally {
      this.#depth = outer;
    }
  }

  /** Runs a part of the step that belongs to the host, such as a look at the loss: it is not noted. */
  unseen<T>(body: () => T): T {
    return this.#hidden(body);
  }

  /** What has been recorded. */
  tape(): Tape {
    return {
      entries: this.#entries,
      numbers: this.#numbers,
      work: this.#work,
      given: this.#given,
      obstacle: this.#obstacle,
    };
  }

  /** How many masks have been drawn by the engine so far, each from two seeds. */
  get draws(): number {
    return drawsOf(this.#entries);
  }

  /** Notes what keeps the step from being compiled; the first counts. */
  refuse(what: string, at = here()): void {
    this.#obstacle ??= { what, at };
  }

  number(tensor: tf.Tensor, source: NumberSource, name: string): void {
    this.#numbers.set(tensor.dataId, { source, name });
  }

  input(tensor: tf.Tensor, read: () => tf.Tensor): void {
    const ref = refOf(tensor);
    const known = [...this.#given.values()].some((given) => given.ref.dataId === ref.dataId);
    if (!known) this.#given.set(`given ${this.#given.size}`, { ref, read });
  }

  onHost(tensors: readonly tf.Tensor[], work: () => void, again: HostWork): void {
    this.#hidden(work);
    this.#work.push({ tensors: tensors.map(refOf), work: again });
  }

  operation<T extends readonly tf.Tensor[]>(name: string, inputs: NamedTensors, attrs: object, body: () => T): T {
    if (this.#depth > 0) return body();
    const outputs = this.#hidden(body);
    this.#note(name, inputs, { ...attrs }, outputs);
    return outputs;
  }

  #run(kernel: tf.KernelConfig, call: Parameters<tf.KernelFunc>[0]): ReturnType<tf.KernelFunc> {
    if (this.#depth > 0) return kernel.kernelFunc(call);
    const result = this.#hidden(() => kernel.kernelFunc(call));
    const { inputs, attrs } = call;
    this.#note(kernel.kernelName, inputs as NamedTensors, { ...attrs }, Array.isArray(result) ? result : [result]);
    return result;
  }

  #hidden<T>(body: () => T): T {
    this.#depth++;
    try {
      return body();
    } finally {
      this.#depth--;
    }
  }

  #note(name: string, inputs: NamedTensors, attrs: Record<string, unknown>, outputs: readonly tf.TensorInfo[]): void {
    const given = Object.entries(inputs).filter(([, tensor]) => tensor !== undefined && tensor !== null);
    const refs = Object.fromEntries(given.map(([key, tensor]) => [key, refOf(tensor)]));
    this.#entries.push({ kind: 'kernel', name, inputs: refs, attrs, outputs: outputs.map(refOf), at: here() });
  }

  #watchDoors(backend: HostDoors): () => void {
    const { write, readSync, read } = backend;
    const own = new Map(['write', 'readSync', 'read'].map((name) => [name, Object.hasOwn(backend, name)]));
    backend.write = (values, shape, dtype) => {
      const dataId = write.call(backend, values, shape, dtype);
      if (this.#depth === 0) {
        const output = { dataId, shape: [...shape], dtype };
        this.#entries.push({ kind: 'host', output, values: compact(values), at: here() });
      }
      return dataId;
    };
    const refuseRead = (): void => {
      if (this.#depth === 0) this.refuse('the values of a tensor are read within the step');
    };
    backend.readSync = (dataId) => {
      refuseRead();
      return readSync.call(backend, dataId);
    };
    backend.read = (dataId) => {
      refuseRead();
      return read.call(backend, dataId);
    };
    return () => {
      Object.assign(backend, { write, readSync, read });
      for (const [name, had] of own) if (!had) delete (backend as unknown as Record<string, unknown>)[name];
    };
  }
}

/** A copy of the values; of one value throughout, that value alone. */
function compact(values: tf.backend_util.TypedArray): tf.backend_util.TypedArray {
  const [first] = values;
  return values.slice(0, values.every((value) => Object.is(value, first)) ? 1 : undefined);
}

/** Registers a kernel in place of the one that has its name. */
export function replaceKernel(kernel: tf.KernelConfig): void {
  tf.unregisterKernel(kernel.kernelName, kernel.backendName);
  tf.registerKernel(kernel);
}

/** The masks that are drawn on a tape. */
function drawsOf(entries: readonly TapeEntry[]): number {
  return entries.filter((entry) => entry.kind === 'kernel' && entry.attrs.seed !== undefined).length;
}

/** What the tape knows of a tensor. */
export function refOf({ dataId, shape, dtype }: tf.TensorInfo): TensorRef {
  return { dataId, shape: [...shape], dtype };
}
