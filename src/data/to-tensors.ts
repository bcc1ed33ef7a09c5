/**
 * From batches on the host to tensors: done once per batch, on the main thread, when the consumer takes it.
 */
import * as tf from '../core/tf.ts';
import { unpack } from '../core/unpack.ts';
import { dtypeOf, type HostArray, type HostTensor, type HostTree, isHostTensor, isPacked, scaled } from './host.ts';
import { copiesBatches } from './lent-memory.ts';

/**
 * Makes the tensors of a batch. The caller owns them; when one cannot be made, those made before it are disposed.
 *
 * @example
 * ```ts
 * const { x, y } = toTensors(dataset.gather([0, 1, 2])) as { x: tf.Tensor; y: tf.Tensor };
 * ```
 */
export function toTensors(tree: HostTree): unknown {
  const made: tf.Tensor[] = [];
  try {
    return build(tree, made);
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}

function build(tree: HostTree, made: tf.Tensor[]): unknown {
  if (isHostTensor(tree)) {
    const tensor = unpacked(tree) ?? copied(scaled(tree));
    made.push(tensor);
    return tensor;
  }
  if (Array.isArray(tree)) return tree.map((branch) => (typeof branch === 'string' ? branch : build(branch, made)));
  const batch: Record<string, unknown> = {};
  for (const key in tree) batch[key] = build((tree as Record<string, HostTree>)[key] as HostTree, made);
  return batch;
}

const unpacked = (value: HostTensor): tf.Tensor | undefined =>
  isPacked(value)
    ? unpack({ bytes: value.data, shape: value.shape, scale: value.scale, offset: value.offset ?? 0 })
    : undefined;

const copied = ({ data, shape, dtype }: HostTensor): tf.Tensor =>
  tf.tensor(asValues(data), shape as number[], dtype ?? dtypeOf(data));

/** tfjs takes three of the typed arrays as they are; the others are widened. Memory that is used again is copied. */
function asValues(given: HostArray): Float32Array | Int32Array | Uint8Array {
  const data = given.buffer instanceof SharedArrayBuffer && !copiesBatches() ? given.slice() : given;
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) return data;
  return dtypeOf(data) === 'float32' ? Float32Array.from(data) : Int32Array.from(data);
}
