/**
 * Columns that stay in their files: rows are read when they are asked for, so that a data set of any size needs the
 * memory of a batch. Reads are synchronous, since the operating system has the pages at hand or the disk is the limit.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../core/errors.ts';
import type { Dataset } from '../dataset.ts';
import { unreadable } from '../files/file-errors.ts';
import type { ArrayLayout } from '../files/npy.ts';
import { bytesOf, numbersIn } from '../files/number-kinds.ts';
import { type HostBatch, type HostTensor, type PackedTensor, sizeOf } from '../host.ts';
import { memoryOf } from '../spare-memory.ts';
import { withRecipe } from '../workers/recipe.ts';
import { noSuchSample, sameLength } from './array-dataset.ts';
import { gatherColumn, planOf } from './columns.ts';

/** A column in a file: the first axis of its shape counts the samples. */
export interface FileColumn extends ArrayLayout {
  /** Values are multiplied by this while they are read. Default 1. */
  readonly scale?: number | undefined;
  /** Default: 'float32' for floating-point numbers or with a scale, else 'int32'. */
  readonly dtype?: 'float32' | 'int32' | undefined;
  /** The shape of one sample, where it is not the file's. */
  readonly sample?: readonly number[] | undefined;
}

/**
 * Samples in files of numbers, such as idx and npy, read row by row.
 *
 * @throws DataError `column-length` when the files hold different numbers of samples; while reading, `file-unreadable`
 */
export class FileArrays<B = unknown> implements Dataset<Record<string, HostTensor>, B> {
  readonly length: number;
  readonly columns: Readonly<Record<string, FileColumn>>;
  readonly #open = new Map<string, number>();
  /** Never there: tells the compiler what a batch is, see {@link Dataset}. */
  batchType?(batch: B): void;

  constructor(columns: Readonly<Record<string, FileColumn>>) {
    this.columns = columns;
    this.length = sameLength(Object.entries(columns).map(([name, { shape }]) => ({ name, length: shape[0] ?? 0 })));
    withRecipe(this, import.meta.url, 'fileArrays', () => [columns]);
  }

  get(index: number): Record<string, HostTensor> {
    const sample: Record<string, HostTensor> = {};
    for (const [name, { data, shape, dtype }] of Object.entries(this.gather([index]))) {
      sample[name] = { data, shape: shape.slice(1), dtype };
    }
    return sample;
  }

  gather(indices: ArrayLike<number>): HostBatch {
    return this.#gather(indices, false);
  }

  /** The same, for the loader: bytes are left for the engine to scale. */
  gatherPacked(indices: ArrayLike<number>): HostBatch {
    return this.#gather(indices, true);
  }

  #gather(indices: ArrayLike<number>, packed: boolean): HostBatch {
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row] as number;
      if (!(index >= 0 && index < this.length && Number.isInteger(index))) throw noSuchSample(index, this.length);
    }
    const batch: HostBatch = {};
    for (const [name, column] of Object.entries(this.columns)) batch[name] = this.#rows(name, column, indices, packed);
    return batch;
  }

  /** Closes the files; a later read opens them again. */
  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #rows(name: string, column: FileColumn, indices: ArrayLike<number>, packed: boolean): HostTensor | PackedTensor {
    const shape = column.sample ?? column.shape.slice(1);
    const stride = sizeOf(shape) * bytesOf(column.kind);
    const bytes = new Uint8Array(memoryOf(indices.length * stride));
    for (let row = 0; row < indices.length; ) {
      const first = indices[row] as number;
      let run = 1; // neighbours in the file are read at once
      while (row + run < indices.length && indices[row + run] === first + run) run++;
      this.#read(column, bytes.subarray(row * stride, (row + run) * stride), column.offset + first * stride);
      row += run;
    }
    const data = numbersIn(bytes, column.kind, column.bigEndian, column.file);
    const { scale, dtype } = column;
    const plan = planOf([name, { data, shape, scale, dtype }]);
    if (packed && plan.dtype === 'float32' && data instanceof Uint8Array) {
      return { data, shape: [indices.length, ...shape], dtype: plan.dtype, scale: scale ?? 1 };
    }
    return gatherColumn(plan, countTo(indices.length));
  }

  #read({ file }: FileColumn, into: Uint8Array, position: number): void {
    let done = 0;
    while (done < into.length) {
      let got: number;
      try {
        got = readSync(this.#descriptor(file), into, done, into.length - done, position + done);
      } catch (cause) {
        throw unreadable(file, cause);
      }
      if (got === 0) throw shrunk(file, position + into.length);
      done += got;
    }
  }

  #descriptor(file: string): number {
    const known = this.#open.get(file);
    if (known !== undefined) return known;
    const descriptor = openSync(file, 'r');
    this.#open.set(file, descriptor);
    return descriptor;
  }
}

/** For workers: the same files, opened there. */
export const fileArrays = (columns: Readonly<Record<string, FileColumn>>): FileArrays => new FileArrays(columns);

const countTo = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i);

const shrunk = (file: string, expected: number): DataError =>
  new DataError(`${file} has become shorter while it was read`, {
    code: 'file-unreadable',
    expected: `at least ${expected} bytes`,
  });
