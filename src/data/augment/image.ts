/**
 * What all augmentations share: a batch of images taken apart into single ones, each with its own random stream, and
 * put together again. Workers run this, so it knows nothing of tfjs.
 */
import { ConfigError } from '../../core/errors.ts';
import { text } from '../../core/options.ts';
import type { Random } from '../../core/random.ts';
import { dtypeOf, type HostArray, type HostBatch, type HostTensor } from '../host.ts';
import type { BatchTransform } from '../transforms.ts';
import { withRecipe } from '../workers/recipe.ts';

/** Height and width in pixels, and values per pixel. */
export interface Extent {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** One image: a view of the memory that it lies in. */
export interface Pixels extends Extent {
  readonly data: HostArray;
}

/** The option that names the images of a batch. */
export interface ColumnOption {
  /** The images, `[batch, height, width]` or `[batch, height, width, channels]`. Default `'x'`. */
  readonly column?: string | undefined;
}

/** {@link ColumnOption}, for schemas. */
export const columnShape = { column: text().default('x') };

/** How a transform is made again in a worker: its module, its exported name, the options that it was given. */
export interface Origin {
  readonly module: string;
  readonly name: string;
  readonly options: { readonly column: string };
}

/** A transform that changes each image in place. */
export function editing(origin: Origin, edit: (image: Pixels, random: Random) => void): BatchTransform {
  const { column } = origin.options;
  return remembered(origin, {
    batch(batch, randomOf) {
      const images = imagesOf(origin.name, column, batch);
      const rows = images.shape[0] as number;
      for (let row = 0; row < rows; row++) edit(imageAt(images, row), randomOf(row));
      return batch;
    },
  });
}

/** A transform that draws each image anew, at another size. */
export function resizing(
  origin: Origin,
  [height, width]: readonly [number, number],
  draw: (from: Pixels, to: Pixels, random: Random) => void,
): BatchTransform {
  const { column } = origin.options;
  return remembered(origin, {
    batch(batch, randomOf) {
      const images = imagesOf(origin.name, column, batch);
      const [rows, , , ...channels] = images.shape as [number, number, number, number?];
      const shape = [rows, height, width, ...(channels as number[])];
      const data = emptyLike(
        images.data,
        shape.reduce((a, b) => a * b, 1),
      );
      const drawn: HostTensor = { data, shape, dtype: images.dtype ?? dtypeOf(images.data) };
      for (let row = 0; row < rows; row++) draw(imageAt(images, row), imageAt(drawn, row), randomOf(row));
      return { ...batch, [column]: drawn };
    },
  });
}

/** Remembers how `transform` was made, for workers. */
export function remembered({ module, name, options }: Origin, transform: BatchTransform): BatchTransform {
  return withRecipe(transform, module, name, () => [options]);
}

/** Throws unless the batch has images in this column. @throws ConfigError `transform-column` */
export function imagesOf(owner: string, column: string, batch: HostBatch): HostTensor {
  const images = batch[column];
  if (images && (images.shape?.length === 3 || images.shape?.length === 4)) return images;
  const found = Object.entries(batch).map(([name, { shape }]) => `\`${name}\` [${shape?.join(', ') ?? '?'}]`);
  throw new ConfigError(owner, {
    code: 'transform-column',
    expected: `images [batch, height, width, channels] in \`${column}\``,
    got: found.join(', '),
  });
}

function imageAt({ data, shape }: HostTensor, row: number): Pixels {
  const [, height, width, channels = 1] = shape as [number, number, number, number?];
  const size = height * width * channels;
  return { data: data.subarray(row * size, (row + 1) * size), height, width, channels };
}

/** A new array of the same kind. */
export function emptyLike(data: HostArray, length: number): HostArray {
  return new (data.constructor as new (length: number) => HostArray)(length);
}

/** The value of white: 1 in floating-point images, 65535 in 16-bit ones, else 255. */
export function whiteOf({ data }: Pixels): number {
  if (dtypeOf(data) === 'float32') return 1;
  return data instanceof Uint16Array ? 65535 : 255;
}

/** Whether values have to be rounded before they are stored. */
export const isWhole = ({ data }: Pixels): boolean => dtypeOf(data) === 'int32';
