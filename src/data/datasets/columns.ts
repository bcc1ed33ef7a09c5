/**
 * Columns of typed arrays, and gathering rows of them into a fresh array: the innermost loop of data loading.
 */
import { ConfigError, DataError, show } from '../../core/errors.ts';
import { dtypeOf, type HostArray, type HostTensor, isHostArray, type PackedTensor, rescale, sizeOf } from '../host.ts';
import { memoryOf } from '../spare-memory.ts';

/** One column: the values of all samples, one after the other, and the shape of one sample. */
export interface HostColumn<S extends readonly number[] = readonly number[]> {
  readonly data: HostArray;
  /** The shape of one sample: `[28, 28, 1]` for an image, `[]` for a single number. */
  readonly shape: S;
  /** Default: 'float32' for floating-point data or when `scale` or `offset` is given, else 'int32'. */
  readonly dtype?: 'float32' | 'int32' | undefined;
  /** Values are multiplied by this while they are gathered. Default 1. */
  readonly scale?: number | undefined;
  /** Added after scaling. Default 0. */
  readonly offset?: number | undefined;
}

/** A column that was checked, with what gathering needs to know. */
export interface ColumnPlan {
  readonly name: string;
  readonly column: HostColumn;
  readonly size: number;
  readonly length: number;
  readonly dtype: 'float32' | 'int32';
}

/** Checks a column. */
export function planOf([name, column]: readonly [string, HostColumn]): ColumnPlan {
  const shapeIsRight = Array.isArray(column?.shape) && column.shape.every((n) => Number.isInteger(n) && n > 0);
  if (!isHostArray(column?.data) || !shapeIsRight) {
    throw new ConfigError(`ArrayDataset: column \`${name}\``, {
      code: 'invalid-column',
      expected: 'a typed array `data` and the `shape` of one sample',
      got: show(isHostArray(column?.data) ? column.shape : (column?.data ?? column)),
    });
  }
  const size = sizeOf(column.shape);
  if (column.data.length % size !== 0) {
    throw new DataError(`ArrayDataset: column \`${name}\` does not hold a whole number of samples`, {
      code: 'column-length',
      expected: `a multiple of ${size} values for samples of shape [${column.shape}]`,
      got: `${column.data.length} values`,
    });
  }
  const scaled = column.scale !== undefined || column.offset !== undefined;
  const dtype = column.dtype ?? (scaled ? 'float32' : dtypeOf(column.data));
  return { name, column, size, length: column.data.length / size, dtype };
}

/** The rows `indices` of a column in a fresh array. */
export function gatherColumn({ column, size, dtype }: ColumnPlan, indices: ArrayLike<number>): HostTensor {
  const { data, scale = 1, offset = 0 } = column;
  const shape = [indices.length, ...column.shape];
  if (dtype === 'int32') {
    const out = new Int32Array(memoryOf(4 * indices.length * size));
    if (scale === 1 && offset === 0) copyRows(data, indices, size, out);
    else rescaleRows(data, indices, size, out, scale, offset);
    return { data: out, shape, dtype };
  }
  const out = new Float32Array(memoryOf(4 * indices.length * size));
  copyRows(data, indices, size, out);
  if (scale !== 1 || offset !== 0) rescale(out, scale, offset);
  return { data: out, shape, dtype };
}

/** The same, but bytes that become floats stay bytes. */
export function gatherPacked(plan: ColumnPlan, indices: ArrayLike<number>): HostTensor | PackedTensor {
  const { column, size, dtype } = plan;
  const { data, scale = 1, offset } = column;
  if (dtype !== 'float32' || !(data instanceof Uint8Array)) return gatherColumn(plan, indices);
  const out = new Uint8Array(memoryOf(indices.length * size));
  copyRows(data, indices, size, out);
  return { data: out, shape: [indices.length, ...column.shape], dtype, scale, offset };
}

/** Below this many values a loop is faster than a copy of a piece of memory. */
const SHORT_ROW = 24;

function copyRows(
  data: HostArray,
  indices: ArrayLike<number>,
  size: number,
  out: Float32Array | Int32Array | Uint8Array,
): void {
  const rows = indices.length;
  if (size === 1) {
    for (let row = 0; row < rows; row++) out[row] = data[indices[row] as number] as number;
  } else if (size < SHORT_ROW) {
    for (let row = 0, to = 0; row < rows; row++) {
      const start = (indices[row] as number) * size;
      for (let from = start; from < start + size; from++) out[to++] = data[from] as number;
    }
  } else {
    for (let row = 0; row < rows; row++) {
      const start = (indices[row] as number) * size;
      out.set(data.subarray(start, start + size), row * size);
    }
  }
}

/** Whole numbers are scaled before they are rounded to whole numbers again, so not in two passes. */
function rescaleRows(
  data: HostArray,
  indices: ArrayLike<number>,
  size: number,
  out: Int32Array,
  scale: number,
  offset: number,
): void {
  for (let row = 0, to = 0; row < indices.length; row++) {
    const start = (indices[row] as number) * size;
    for (let from = start; from < start + size; from++) out[to++] = (data[from] as number) * scale + offset;
  }
}
