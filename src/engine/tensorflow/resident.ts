/**
 * Weights and optimizer state that live in TensorFlow's resource variables from one update to the next, so that an
 * update writes them in place. To tfjs every update makes new tensors: they share the variable's memory, and TensorFlow
 * copies it before writing when anybody still holds the old ones.
 */
import * as tf from '../../core/tf.ts';
import { type Attr, attributes, type Info, type TensorFlowBackend } from './ops.ts';

/** TensorFlow's mark for a variable without a name, which goes when its last handle goes. */
const ANONYMOUS = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/** Where resident tensors live. One per backend. */
export class Residents {
  readonly #backend: TensorFlowBackend;
  readonly #handles = new WeakMap<object, number>();
  readonly #dtype: Attr;

  constructor(backend: TensorFlowBackend) {
    this.#backend = backend;
    this.#dtype = attributes(backend).type('dtype', backend.binding.TF_FLOAT);
    this.#freeWithData();
  }

  /** The variable that holds a tensor's values, and which the tensor gives up: write to it, then {@link read} it. */
  enter(tensor: Info): number {
    const { binding, tensorMap } = this.#backend;
    const known = this.#handles.get(tensor.dataId);
    if (known !== undefined && this.#backend.refCount(tensor.dataId) === 1) {
      this.#handles.delete(tensor.dataId);
      const data = tensorMap.get(tensor.dataId);
      binding.deleteTensor(data.id);
      data.id = this.#handleless;
      return known;
    }
    const handle = this.#create(tensor.shape);
    binding.executeOp('AssignVariableOp', [this.#dtype], [handle, ...this.#backend.getInputTensorIds([tensor])], 0);
    return handle;
  }

  /** A variable of zeros. */
  zeros(shape: number[]): number {
    const { binding } = this.#backend;
    const handle = this.#create(shape);
    const zeros = binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(tf.util.sizeFromShape(shape)));
    binding.executeOp('AssignVariableOp', [this.#dtype], [handle, zeros], 0);
    binding.deleteTensor(zeros);
    return handle;
  }

  /** A tensor of the variable's values, which keeps the variable for the next update. */
  read(handle: number): tf.Tensor {
    const { binding } = this.#backend;
    const [output] = binding.executeOp('ReadVariableOp', [this.#dtype], [handle], 1);
    const tensor = this.#backend.createOutputTensor(output as never);
    this.#handles.set(tensor.dataId, handle);
    return tensor;
  }

  /** tfjs-node's mark for data without a tensor of TensorFlow's: nothing to delete. */
  readonly #handleless = -1;

  #create(shape: readonly number[]): number {
    const { text, shape: shapeAttr } = attributes(this.#backend);
    const attrs = [this.#dtype, shapeAttr('shape', shape), text('shared_name', ANONYMOUS), text('container', '')];
    return (this.#backend.binding.executeOp('VarHandleOp', attrs, [], 1)[0] as { id: number }).id;
  }

  /** When a tensor's data goes, its variable does. */
  #freeWithData(): void {
    const backend = this.#backend as { disposeData: TensorFlowBackend['disposeData'] };
    const disposeData = backend.disposeData.bind(backend);
    backend.disposeData = (dataId, force) => {
      const gone = disposeData(dataId, force);
      const handle = gone ? this.#handles.get(dataId) : undefined;
      if (handle !== undefined) {
        this.#handles.delete(dataId);
        this.#backend.binding.deleteTensor(handle);
      }
      return gone;
    };
  }
}
