/** A teacher's fingerprint: by it a checkpoint tells whether the teacher is still the one that it was. */
import { createHash } from 'node:crypto';
import type * as tf from '../../core/tf.ts';

/** The sha256 of tensors in their order: shapes, types and values. Reads them all back. */
export function fingerprintOf(tensors: Iterable<tf.Tensor>): string {
  const hash = createHash('sha256');
  for (const tensor of tensors) {
    hash.update(`${tensor.dtype}[${tensor.shape}]`);
    const data = tensor.dataSync() as Float32Array;
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
