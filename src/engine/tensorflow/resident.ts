/**
 * Weights and optimizer state that live in TensorFlow's resource variables from one update to the next, so that an
 * update writes them in place. To tfjs every update makes new tensors: they share the variable's memory, and TensorFlow
 * copies it before writing when anybody still holds the old ones.
 */
import * as tf from '../../core/tf.ts';
import { type Attr, attributes, type Binding, type Info, type OutputMetadata, type TensorFlowBackend } from './ops.ts';

/** TensorFlow's mark for a variable without a name, which goes when its last handle goes. */
const ANONYMOUS = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/** Where resident tensors live. One per backend. */
export class Residents {
  readonly #backend: TensorFlowBackend;
  readonly #known = new WeakMap<object, ResidentData>();
  readonly #dtype: Attr;
  readonly #kinds: ReturnType<typeof attributes>;

  constructor(backend: TensorFlowBackend) {
    this.#backend = backend;
    this.#kinds = attributes(backend);
    this.#dtype = this.#kinds.type('dtype', backend.binding.TF_FLOAT);
    this.#freeWithData();
  }

  /** The variable that holds a tensor's values, and which the tensor gives up: write to it, then {@link read} it. */
  enter(tensor: Info): number {
    const known = this.#known.get(tensor.dataId);
    if (known !== undefined && known.refCount === 1) {
      this.#known.delete(tensor.dataId);
      known.letGo();
      return known.handle;
    }
    return this.#assigned(tensor.shape, this.#backend.getInputTensorIds([tensor])[0] as number);
  }

  /** A variable of zeros. */
  zeros(shape: number[]): number {
    const { binding } = this.#backend;
    const zeros = binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(tf.util.sizeFromShape(shape)));
    const handle = this.#assigned(shape, zeros);
    binding.deleteTensor(zeros);
    return handle;
  }

  /** A tensor of the variable's values, which keeps the variable for the next update. */
  read(handle: number, shape: number[]): tf.Tensor {
    const dataId = {};
    const data = new ResidentData(this.#backend.binding, this.#dtype, handle, shape);
    this.#backend.tensorMap.set(dataId, data);
    this.#known.set(dataId, data);
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype: 'float32' });
  }

  #assigned(shape: readonly number[], value: number): number {
    const { binding } = this.#backend;
    const { text, shape: ofShape } = this.#kinds;
    const attrs = [this.#dtype, ofShape('shape', shape), text('shared_name', ANONYMOUS), text('container', '')];
    const [variable] = binding.executeOp('VarHandleOp', attrs, [], 1);
    const { id } = variable as OutputMetadata;
    binding.executeOp('AssignVariableOp', [this.#dtype], [id, value], 0);
    return id;
  }

  /** When a tensor's data goes, its variable does. */
  #freeWithData(): void {
    const backend = this.#backend;
    const disposeData = backend.disposeData.bind(backend);
    backend.disposeData = (dataId, force) => {
      const known = this.#known.get(dataId);
      if (known === undefined || (known.refCount > 1 && !force)) return disposeData(dataId, force);
      this.#known.delete(dataId);
      known.letGo();
      backend.binding.deleteTensor(known.handle);
      return disposeData(dataId, force);
    };
  }
}

/**
 * What tfjs-node knows of a tensor, for one that lies in a variable: TensorFlow's tensor is made when it is asked for.
 * Optimizer state never is, but for a checkpoint.
 */
class ResidentData {
  readonly handle: number;
  readonly shape: number[];
  readonly dtype: number;
  readonly values = null;
  refCount = 1;
  readonly #binding: Binding;
  readonly #attrs: readonly Attr[];
  #id: number | undefined;

  constructor(binding: Binding, dtype: Attr, handle: number, shape: number[]) {
    this.#binding = binding;
    this.#attrs = [dtype];
    this.handle = handle;
    this.shape = shape;
    this.dtype = binding.TF_FLOAT;
  }

  get id(): number {
    this.#id ??= (this.#binding.executeOp('ReadVariableOp', this.#attrs, [this.handle], 1)[0] as OutputMetadata).id;
    return this.#id;
  }

  /** Gives up TensorFlow's tensor. What is left is tfjs-node's mark for data that has none. */
  letGo(): void {
    if (this.#id !== undefined) this.#binding.deleteTensor(this.#id);
    this.#id = NO_TENSOR;
  }
}

const NO_TENSOR = -1;
