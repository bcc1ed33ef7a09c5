/** The parts of tfjs-node's backend and of its addon that compiled steps use. */
import * as tf from '../../../core/tf.ts';

/** A tensor as the addon describes it. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The addon. */
export interface Binding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  createTensor(shape: readonly number[], dtype: number, values: ArrayBufferView): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  loadSavedModel(directory: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: readonly number[], names: string, outputs: string): TensorMetadata[];
}

/** What the backend knows of a tensor's data. */
export interface TensorRecord {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly values: unknown;
  readonly id: number;
  refCount: number;
}

/** The backend. */
export interface NodeBackend {
  readonly binding: Binding;
  readonly tensorMap: {
    get(dataId: object): TensorRecord;
    set(dataId: object, record: TensorRecord): void;
    delete(dataId: object): boolean;
  };
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  getDTypeInteger(dtype: string): number;
  disposeData(dataId: object, force?: boolean): boolean;
  readSync(dataId: object): unknown;
}

/** The running backend, where it is native TensorFlow. */
export function nodeBackend(): NodeBackend | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined;
  const backend = tf.backend() as unknown as NodeBackend;
  return typeof backend.binding?.runSavedModel === 'function' ? backend : undefined;
}
