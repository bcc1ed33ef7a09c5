/**
 * Tensors of bytes that stand for numbers, such as pixels. Where the engine unpacks them itself they stay a quarter of the
 * size up to there, and no pass over the numbers is made in JavaScript.
 */
import * as tf from './tf.ts';

/** The kernel by which an engine unpacks bytes. It has no inputs and gives what `byte * scale + offset` is in float32. */
export const UNPACK = 'KelvinUnpack';

/** Attributes of {@link UNPACK}. */
export interface UnpackAttrs {
  readonly bytes: Uint8Array;
  readonly shape: readonly number[];
  readonly scale: number;
  readonly offset: number;
}

/** Whether the current engine unpacks bytes itself. */
export const hasUnpack = (): boolean => Boolean(tf.getKernel(UNPACK, tf.getBackend()));

/** A float32 tensor of bytes; undefined where the engine cannot. The bytes are copied. */
export function unpack(attrs: UnpackAttrs): tf.Tensor | undefined {
  if (!hasUnpack()) return undefined;
  return tf.engine().runKernel(UNPACK, {}, attrs as unknown as tf.NamedAttrMap) as tf.Tensor;
}
