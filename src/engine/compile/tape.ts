/** What a recorder notes of a step: kernels in the order in which they ran, and values that came from the host. */
import type { HostWork, NumberSource } from '../../core/recording.ts';
import type * as tf from '../../core/tf.ts';

/** The dtypes that a compiled step can hold. */
export type DType = 'float32' | 'int32' | 'bool';

/** A tensor as a kernel saw it. Its data is known by the identity of `dataId`. */
export interface TensorRef {
  readonly dataId: object;
  readonly shape: readonly number[];
  readonly dtype: string;
}

/** A kernel that ran, or an operation that stands for several. */
export interface KernelCall {
  readonly kind: 'kernel';
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorRef>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs: readonly TensorRef[];
  readonly at: Origin;
}

/** A tensor that was made of values on the host. */
export interface HostTensor {
  readonly kind: 'host';
  readonly output: TensorRef;
  /** Its values, or the one value that all of them are. */
  readonly values: tf.backend_util.TypedArray;
  readonly at: Origin;
}

/** One line of the tape. */
export type TapeEntry = KernelCall | HostTensor;

/** Where in the code something happened; the stack is put into words only when somebody asks. */
export interface Origin {
  readonly stack?: string;
}

/** A scalar that is fed at each step. */
export interface FedNumber {
  readonly source: NumberSource;
  readonly name: string;
}

/** Work on the host that precedes each step. */
export interface RepeatedWork {
  readonly tensors: readonly TensorRef[];
  readonly work: HostWork;
}

/** Why a step cannot be compiled: what is in the way, and where. */
export interface Obstacle {
  readonly what: string;
  readonly at: Origin | undefined;
}

/** A tensor of each step that is none of its batch's. */
export interface GivenTensor {
  readonly ref: TensorRef;
  readonly read: () => tf.Tensor;
}

/** A whole recorded step. */
export interface Tape {
  readonly entries: readonly TapeEntry[];
  readonly numbers: ReadonlyMap<object, FedNumber>;
  readonly work: readonly RepeatedWork[];
  /** By the names that they have among the inputs. */
  readonly given: ReadonlyMap<string, GivenTensor>;
  /** The first thing that keeps the step from being compiled. */
  readonly obstacle: Obstacle | undefined;
}
