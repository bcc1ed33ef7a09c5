/**
 * Collating: from a list of samples to one batch on the host. Samples may be numbers, booleans, words, typed arrays,
 * host tensors, and objects and tuples of these; they have to agree in shape, and the error names the one that does not.
 */
import { DataError, show } from '../core/errors.ts';
import {
  dtypeOf,
  type HostArray,
  type HostTensor,
  type HostTree,
  isHostArray,
  isHostTensor,
  isPacked,
  isScaled,
  type PackedTensor,
  rescale,
  sizeOf,
} from './host.ts';
import { memoryOf } from './spare-memory.ts';
import type { SampleId } from './views.ts';

/**
 * Stacks samples along a new first axis.
 *
 * Numbers become float32 (see {@link int32} for labels), booleans bool, typed arrays keep their kind, lists of numbers
 * inside a sample are vectors, words stay a list of strings.
 *
 * @param samples at least one sample
 * @param ids the samples' ids, for errors. Default: 0, 1, 2, …
 * @throws DataError `sample-shape`, `sample-structure` or `sample-type`
 *
 * @example
 * ```ts
 * collate([{ x: new Float32Array(4), y: 0.5 }, { x: new Float32Array(4), y: 1 }]); // x: [2, 4], y: [2]
 * ```
 */
export function collate(samples: readonly unknown[], ids: ArrayLike<SampleId> = [...samples.keys()]): HostTree {
  return collateSamples(samples, { ids });
}

/** The same, with the choice of leaving bytes `packed` that have to be scaled. */
export function collateSamples(samples: readonly unknown[], how: Omit<Place, 'path'>): HostTree {
  if (Array.isArray(samples[0])) return collateLists(samples, { ...how, path: '' });
  return collateAt(samples, { ...how, path: '' });
}

/** Where in the samples we are, for errors. */
interface Place {
  readonly ids: ArrayLike<SampleId>;
  readonly path: string;
  readonly packed?: boolean | undefined;
}

function collateAt(values: readonly unknown[], place: Place): HostTree {
  const first = values[0];
  if (typeof first === 'number') return scalars(values, place, 'float32');
  if (typeof first === 'boolean') return scalars(values, place, 'bool');
  if (typeof first === 'string') return words(values, place);
  if (isHostArray(first) || isHostTensor(first) || isVector(first)) return stack(values, place);
  if (Array.isArray(first)) return collateLists(values, place);
  if (typeof first === 'object' && first !== null && !isTensor(first)) return collateKeys(values, place);
  for (const value of values) if (isTensor(value)) value.dispose();
  throw new DataError(`Sample ${place.ids[0]} cannot be collated${where(place)}`, {
    code: 'sample-type',
    expected: 'numbers, booleans, words, typed arrays, { data, shape }, or objects and tuples of these',
    got: show(first),
    help: 'return host arrays from `get`, or give the loader a `collate` function of your own',
  });
}

function scalars(values: readonly unknown[], place: Place, dtype: 'float32' | 'bool'): HostTensor {
  const data = dtype === 'bool' ? new Uint8Array(values.length) : new Float32Array(values.length);
  for (let row = 0; row < values.length; row++) {
    if (typeof values[row] !== typeof values[0]) throw otherKind(values, row, place);
    data[row] = Number(values[row]);
  }
  return { data, shape: [values.length], dtype };
}

function words(values: readonly unknown[], place: Place): string[] {
  return values.map((value, row) => {
    if (typeof value !== 'string') throw otherKind(values, row, place);
    return value;
  });
}

function stack(values: readonly unknown[], place: Place): HostTensor {
  const first = asHostTensor(values, 0, place);
  if (place.packed && isPacked(first)) return stackPacked(values, first, place);
  const size = sizeOf(first.shape);
  const dtype = first.dtype ?? dtypeOf(first.data);
  const data = newArray(dtype, values.length * size);
  for (let row = 0; row < values.length; row++) {
    const value = asHostTensor(values, row, place);
    if (!sameShape(value.shape, first.shape)) throw otherShape(value, first, row, place);
    data.set(value.data, row * size);
    if (isScaled(value)) rescale((data as Float32Array).subarray(row * size, (row + 1) * size), value.scale);
  }
  return { data, shape: [values.length, ...first.shape], dtype };
}

/** Bytes of one scale stay bytes. */
function stackPacked(values: readonly unknown[], first: PackedTensor, place: Place): HostTensor | PackedTensor {
  const { scale, dtype } = first;
  const size = sizeOf(first.shape);
  const data = new Uint8Array(memoryOf(values.length * size));
  for (let row = 0; row < values.length; row++) {
    const value = asHostTensor(values, row, place);
    if (!isPacked(value) || value.scale !== scale) return stack(values, { ...place, packed: false });
    if (!sameShape(value.shape, first.shape)) throw otherShape(value, first, row, place);
    data.set(value.data, row * size);
  }
  return { data, shape: [values.length, ...first.shape], dtype, scale };
}

function asHostTensor(values: readonly unknown[], row: number, place: Place): HostTensor {
  const value = values[row];
  if (isHostArray(value)) return { data: value, shape: [value.length] };
  if (isVector(value)) return { data: Float32Array.from(value), shape: [value.length] };
  if (!isHostTensor(value)) throw otherKind(values, row, place);
  if (value.data.length === sizeOf(value.shape)) return value;
  throw new DataError(`Sample ${place.ids[row]} contradicts itself${where(place)}`, {
    code: 'sample-shape',
    expected: `${sizeOf(value.shape)} values for shape ${shapeText(value.shape)}`,
    got: `${value.data.length} values`,
  });
}

function collateLists(values: readonly unknown[], place: Place): HostTree {
  const length = (values[0] as readonly unknown[]).length;
  values.forEach((value, row) => {
    if (!Array.isArray(value) || value.length !== length) throw otherKind(values, row, place);
  });
  return Array.from({ length }, (_, i) => {
    const inner = values.map((value) => (value as readonly unknown[])[i]);
    return collateAt(inner, { ...place, path: `${place.path}[${i}]` });
  });
}

function collateKeys(values: readonly unknown[], place: Place): HostTree {
  const keys = Object.keys(values[0] as object);
  values.forEach((value, row) => {
    const own = typeof value === 'object' && value !== null ? Object.keys(value) : undefined;
    const same = own?.length === keys.length && keys.every((key) => own.includes(key));
    if (!same) throw otherKind(values, row, place);
  });
  const tree: Record<string, HostTree> = {};
  for (const key of keys) {
    const inner = values.map((value) => (value as Record<string, unknown>)[key]);
    tree[key] = collateAt(inner, { ...place, path: place.path ? `${place.path}.${key}` : key });
  }
  return tree;
}

/** Workers collate too, and never load tfjs: a tensor is known by its methods. */
const isTensor = (value: unknown): value is { dispose(): void } =>
  typeof (value as { dataSync?: unknown } | null)?.dataSync === 'function';

const isVector = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'number');

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((extent, axis) => extent === b[axis]);

function newArray(dtype: string, length: number): HostArray {
  const memory = memoryOf(dtype === 'bool' ? length : 4 * length);
  if (dtype === 'float32') return new Float32Array(memory);
  return dtype === 'bool' ? new Uint8Array(memory) : new Int32Array(memory);
}

const where = ({ path }: Place): string => (path ? ` at \`${path}\`` : '');

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function otherShape(value: HostTensor, first: HostTensor, row: number, place: Place): DataError {
  return new DataError(`Sample ${place.ids[row]} does not fit its batch${where(place)}`, {
    code: 'sample-shape',
    expected: `shape ${shapeText(first.shape)} as in sample ${place.ids[0]}`,
    got: shapeText(value.shape),
    help: 'bring the samples to one shape in the dataset, or give the loader a `collate` function of your own',
  });
}

function otherKind(values: readonly unknown[], row: number, place: Place): DataError {
  return new DataError(`Sample ${place.ids[row]} is built differently from others of its batch${where(place)}`, {
    code: 'sample-structure',
    expected: `${describe(values[0])} as in sample ${place.ids[0]}`,
    got: describe(values[row]),
  });
}

function describe(value: unknown): string {
  if (isHostArray(value) || isHostTensor(value)) return 'an array';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `the keys ${Object.keys(value).join(', ')}`;
  return show(value);
}
