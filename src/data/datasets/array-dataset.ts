/**
 * A dataset held in memory as columns of typed arrays: the fast case, where a batch is gathered with a few copies.
 * Columns may stay in their compact form (bytes of pixels); they are scaled while they are gathered.
 */

import { z } from 'zod';
import { ConfigError, DataError } from '../../core/errors.ts';
import { parseOptions, wholeNumber } from '../../core/options.ts';
import type * as tf from '../../core/tf.ts';
import type { Dataset } from '../dataset.ts';
import { type HostBatch, type HostTensor, sizeOf } from '../host.ts';
import { withRecipe } from '../workers/recipe.ts';
import { type ColumnPlan, gatherColumn, gatherPacked, type HostColumn, planOf } from './columns.ts';

type Columns = Readonly<Record<string, HostColumn>>;

type TensorOf<S extends readonly number[]> = number extends S['length']
  ? tf.Tensor
  : S['length'] extends 0
    ? tf.Tensor1D
    : S['length'] extends 1
      ? tf.Tensor2D
      : S['length'] extends 2
        ? tf.Tensor3D
        : S['length'] extends 3
          ? tf.Tensor4D
          : tf.Tensor;

/** The batch that a set of columns becomes: per column a tensor of one rank more than its samples. */
export type BatchOf<C extends Columns> = { -readonly [K in keyof C]: TensorOf<C[K]['shape']> };

/** The columns of labelled images: pixels `x` as `[height, width, channels]` and class indices `y`. */
export type ImageColumns = {
  readonly x: HostColumn<readonly [number, number, number]>;
  readonly y: HostColumn<readonly []>;
};

const optionsSchema = z.strictObject({ classes: wholeNumber(1).optional() });

/**
 * Samples held in memory as columns.
 *
 * @throws DataError `column-length` when columns hold different numbers of samples, `label-out-of-range` when `classes`
 *   is given and a value of `y` is not a whole number from 0 to `classes - 1`; ConfigError `invalid-column`
 *
 * @example
 * ```ts
 * const train = new ArrayDataset(
 *   { x: { data: pixels, shape: [28, 28, 1], scale: 1 / 255 }, y: { data: labels, shape: [] } },
 *   { classes: 10 },
 * );
 * ```
 */
export class ArrayDataset<const C extends Columns = Columns>
  implements Dataset<{ [K in keyof C]: HostTensor }, BatchOf<C>>
{
  readonly length: number;
  readonly columns: C;
  /** How many classes the labels `y` were checked against. */
  readonly classes: number | undefined;
  readonly #plans: readonly ColumnPlan[];
  /** Never there: tells the compiler what a batch is, see {@link Dataset}. */
  batchType?(batch: BatchOf<C>): void;

  constructor(columns: C, options: { classes?: number | undefined } = {}) {
    this.classes = parseOptions('ArrayDataset', optionsSchema, options).classes;
    this.columns = columns;
    this.#plans = Object.entries(columns).map(planOf);
    this.length = sameLength(this.#plans);
    if (this.classes !== undefined) checkLabels(columns, this.classes);
    withRecipe(this, import.meta.url, 'arrayDataset', () => [columns, { classes: this.classes }]);
  }

  /** One sample, its columns as host tensors. */
  get(index: number): { [K in keyof C]: HostTensor } {
    const sample: HostBatch = {};
    for (const { name, tensor } of this.#each([index])) {
      sample[name] = { data: tensor.data, shape: tensor.shape.slice(1), dtype: tensor.dtype };
    }
    return sample as { [K in keyof C]: HostTensor };
  }

  /** The samples at `indices` as one batch of fresh arrays. */
  gather(indices: ArrayLike<number>): HostBatch {
    const batch: HostBatch = {};
    for (const { name, tensor } of this.#each(indices)) batch[name] = tensor;
    return batch;
  }

  /** The same, for the loader: bytes are left for the engine to scale. */
  gatherPacked(indices: ArrayLike<number>): HostBatch {
    const batch: HostBatch = {};
    for (const { name, tensor } of this.#each(indices, gatherPacked)) batch[name] = tensor;
    return batch;
  }

  #each(indices: ArrayLike<number>, gather = gatherColumn): { name: string; tensor: HostTensor }[] {
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row] as number;
      if (!(index >= 0 && index < this.length && Number.isInteger(index))) throw noSuchSample(index, this.length);
    }
    return this.#plans.map((plan) => ({ name: plan.name, tensor: gather(plan, indices) }));
  }
}

/** For workers: the same columns, copied there, or shared where they lie in a SharedArrayBuffer. */
export const arrayDataset = (columns: Columns, options: { classes?: number | undefined }): ArrayDataset =>
  new ArrayDataset(columns, options);

/**
 * An {@link ArrayDataset} of the rows of tensors, which are copied to the host and stay the caller's.
 *
 * @example
 * ```ts
 * const dataset = fromTensors({ x: tf.randomNormal([100, 4]), y: tf.zeros([100], 'int32') });
 * ```
 */
export function fromTensors<T extends Readonly<Record<string, tf.Tensor>>>(
  tensors: T,
  options: { classes?: number | undefined } = {},
): ArrayDataset<{ [K in keyof T]: HostColumn }> {
  const columns: Record<string, HostColumn> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const data = tensor.dataSync<'float32'>().slice();
    columns[name] = { data, shape: tensor.shape.slice(1), dtype: tensor.dtype === 'float32' ? 'float32' : 'int32' };
  }
  return new ArrayDataset(columns as { [K in keyof T]: HostColumn }, options);
}

/** How many samples columns hold. @throws DataError `column-length`, ConfigError `invalid-column` */
export function sameLength(columns: readonly { readonly name: string; readonly length: number }[]): number {
  const [first, ...others] = columns;
  if (!first) throw new ConfigError('ArrayDataset', { code: 'invalid-column', expected: 'at least one column' });
  for (const other of others) {
    if (other.length === first.length) continue;
    throw new DataError('ArrayDataset: columns hold different numbers of samples', {
      code: 'column-length',
      expected: `${first.length} samples in \`${other.name}\`, as in \`${first.name}\``,
      got: String(other.length),
    });
  }
  return first.length;
}

function checkLabels(columns: Columns, classes: number): void {
  const labels = columns.y;
  if (!labels || sizeOf(labels.shape) !== 1) {
    throw new ConfigError('ArrayDataset: `classes` is given', {
      code: 'invalid-column',
      expected: 'a column `y` with one label per sample',
      got: labels ? `samples of shape [${labels.shape}]` : `the columns ${Object.keys(columns).join(', ')}`,
    });
  }
  for (let index = 0; index < labels.data.length; index++) {
    const label = labels.data[index] as number;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new DataError(`Label of sample ${index} is out of range`, {
      code: 'label-out-of-range',
      expected: `a whole number from 0 to ${classes - 1}`,
      got: String(label),
      help: 'mend the labels, or give the right number of `classes`',
    });
  }
}

/** The error for an index past either end. */
export function noSuchSample(index: number, length: number): DataError {
  return new DataError('No such sample', {
    code: 'index-out-of-range',
    expected: length === 0 ? 'none, since the dataset is empty' : `an index from 0 to ${length - 1}`,
    got: String(index),
  });
}
