/**
 * Numbers on the host: what datasets give and batches are made of before they become tensors.
 * A batch stays on the host until the consumer takes it, so a batch that nobody takes leaks nothing. Worker processes
 * import this file, so it knows nothing of tfjs.
 */

/** The typed arrays that samples and columns may be stored in. */
export type HostArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

/** The dtypes that numbers on the host become. */
export type HostDtype = 'float32' | 'int32' | 'bool';

/** A dense array with its shape, in row-major order: a tensor that lives on the host. */
export interface HostTensor {
  readonly data: HostArray;
  /** `[]` is a single number. */
  readonly shape: readonly number[];
  /** Default: 'float32' for floating-point arrays, 'int32' for whole numbers. */
  readonly dtype?: HostDtype | undefined;
}

/** A host tensor whose values still have to be multiplied by `scale`: what is quicker to do to a whole batch, or later. */
export interface ScaledTensor extends HostTensor {
  readonly dtype: 'float32';
  readonly scale: number;
  /** Added after scaling. Default 0. */
  readonly offset?: number | undefined;
}

/** A {@link ScaledTensor} of bytes, as engines unpack them. */
export interface PackedTensor extends ScaledTensor {
  readonly data: Uint8Array;
}

/** One batch as named host tensors, each with the batch as its first axis. */
export type HostBatch = Record<string, HostTensor>;

/** What samples are collated into: host tensors and lists of words, in the nesting that the samples have. */
export type HostTree = HostTensor | readonly string[] | readonly HostTree[] | { readonly [key: string]: HostTree };

/**
 * A whole number as a sample's label. Plain numbers are collated as float32; class indices should be int32.
 *
 * @example
 * ```ts
 * get(index: number) { return { x: pixels[index], y: int32(labels[index]) }; }
 * ```
 */
export function int32(value: number): HostTensor {
  return { data: Int32Array.of(value), shape: [], dtype: 'int32' };
}

/** The dtype that a typed array becomes when none is named. */
export function dtypeOf(data: HostArray): 'float32' | 'int32' {
  return data instanceof Float32Array || data instanceof Float64Array ? 'float32' : 'int32';
}

/** How many numbers a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Whether this is one of the typed arrays that data may be stored in. */
export function isHostArray(value: unknown): value is HostArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof BigInt64Array);
}

/** Whether this is a {@link HostTensor}. */
export function isHostTensor(value: unknown): value is HostTensor {
  const candidate = value as Partial<HostTensor> | null;
  return (
    typeof candidate === 'object' && candidate !== null && isHostArray(candidate.data) && Array.isArray(candidate.shape)
  );
}

/** Whether values have to be scaled before anybody outside this layer sees them. */
export function isScaled(value: HostTensor): value is ScaledTensor {
  return (value as Partial<ScaledTensor>).scale !== undefined;
}

/** Whether these are bytes that have to be scaled. */
export function isPacked(value: HostTensor): value is PackedTensor {
  return isScaled(value) && value.data instanceof Uint8Array;
}

/** The tensor as everybody sees it: what was left to be scaled is scaled, in memory that may be given. */
export function scaled(value: HostTensor, data: Float32Array = new Float32Array(value.data.length)): HostTensor {
  if (!isScaled(value)) return value;
  data.set(value.data);
  rescale(data, value.scale, value.offset);
  return { data, shape: value.shape, dtype: 'float32' };
}

/** Multiplies in place, four at a time. Copying first and scaling then takes half the time of doing both at once. */
export function rescale(values: Float32Array, scale: number, offset = 0): void {
  const whole = values.length - (values.length % 4);
  let i = 0;
  for (; i < whole; i += 4) {
    values[i] = (values[i] as number) * scale + offset;
    values[i + 1] = (values[i + 1] as number) * scale + offset;
    values[i + 2] = (values[i + 2] as number) * scale + offset;
    values[i + 3] = (values[i + 3] as number) * scale + offset;
  }
  for (; i < values.length; i++) values[i] = (values[i] as number) * scale + offset;
}

/** Whether this has to be waited for. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}
