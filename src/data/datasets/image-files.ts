/**
 * Images in files with a label each, decoded when they are asked for: what image folders and tables of images become.
 */

import { DataError } from '../../core/errors.ts';
import type * as tf from '../../core/tf.ts';
import type { Dataset } from '../dataset.ts';
import { type DecodeOptions, decodeUnscaled } from '../decode/decode.ts';
import { type HostBatch, type HostTensor, isPacked, type PackedTensor, scaled, sizeOf } from '../host.ts';
import { memoryOf } from '../spare-memory.ts';
import { withRecipe } from '../workers/recipe.ts';
import { noSuchSample } from './array-dataset.ts';

/** One image and its label, before it is decoded: plain data, which a worker can be sent. */
export interface ImageEntry {
  readonly id: string;
  readonly path: string;
  /** Where it is listed, for errors: `'train.csv row 17'`. */
  readonly listed?: string | undefined;
}

/** What an {@link ImageFiles} is made of. */
export interface ImageList {
  readonly entries: readonly ImageEntry[];
  /** Class indices, or numbers to predict. Without them samples are images only. */
  readonly labels: Int32Array | Float32Array | undefined;
  /** The names of the classes, by index. Empty when labels are numbers. */
  readonly classes: readonly string[];
  readonly decode: DecodeOptions;
  /** What was listed but is not there, for people. */
  readonly missing?: readonly string[] | undefined;
}

/** Images in decoding at once: more than there are threads for it, by default. */
const AT_ONCE = 8;

/** A sample: pixels [height, width, channels], and its label where there is one. */
export type ImageSample = { x: HostTensor; y?: HostTensor };

/**
 * Images by file name. Made by {@link imageFolder} and {@link csvImages}; usable in workers.
 *
 * @throws DataError while reading, naming file and row: `image-unreadable`, `image-too-large`
 */
export class ImageFiles implements Dataset<ImageSample, { x: tf.Tensor4D; y: tf.Tensor1D }> {
  readonly length: number;
  readonly entries: readonly ImageEntry[];
  /** The names of the classes, by index. */
  readonly classes: readonly string[];
  /** The label of each image, for samplers and splits. Empty when there are none. */
  readonly labels: Int32Array | Float32Array;
  /** Rows that were left out because their image is not there, as `'train.csv row 17: a12.png'`. */
  readonly missing: readonly string[];
  readonly #list: ImageList;
  /** Never there: tells the compiler what a batch is, see {@link Dataset}. */
  batchType?(batch: { x: tf.Tensor4D; y: tf.Tensor1D }): void;

  constructor(list: ImageList) {
    this.#list = list;
    this.length = list.entries.length;
    this.entries = list.entries;
    this.classes = list.classes;
    this.labels = list.labels ?? new Int32Array(0);
    this.missing = list.missing ?? [];
    withRecipe(this, import.meta.url, 'imageFiles', () => [list]);
  }

  async get(index: number): Promise<ImageSample> {
    const sample = await this.getUnscaled(index);
    return { ...sample, x: scaled(sample.x) };
  }

  async getUnscaled(index: number): Promise<ImageSample> {
    const entry = this.entries[index];
    if (!entry) throw noSuchSample(index, this.length);
    const { decode, labels } = this.#list;
    const name = entry.listed === undefined ? entry.path : `${entry.listed}: ${entry.path}`;
    const x = await decodeUnscaled(decode, entry.path, name);
    if (!labels) return { x };
    const dtype = labels instanceof Int32Array ? 'int32' : 'float32';
    return { x, y: { data: labels.slice(index, index + 1), shape: [], dtype } };
  }

  /**
   * Images of one size, each copied as soon as it is there, and few at a time: what waits for the rest of a batch weighs on
   * the garbage collector.
   */
  gatherPacked(indices: ArrayLike<number>): Promise<HostBatch> | undefined {
    const { size, channels = 3, dtype = 'float32' } = this.#list.decode;
    if (size === undefined || dtype !== 'float32') return undefined;
    const [height, width] = typeof size === 'number' ? [size, size] : size;
    return this.#gather(indices, [height, width, channels]);
  }

  async #gather(indices: ArrayLike<number>, shape: readonly number[]): Promise<HostBatch> {
    const count = indices.length;
    const pixels = new Uint8Array(memoryOf(count * sizeOf(shape)));
    let scale = 0;
    let next = 0;
    const decodeSome = async (): Promise<void> => {
      for (let row = next++; row < count; row = next++) {
        const { x } = await this.getUnscaled(indices[row] as number).catch((error: unknown) => {
          next = count; // the others need not go on
          throw error;
        });
        if (!isPacked(x)) throw new Error('more than 8 bits'); // such images go one by one
        scale = x.scale;
        pixels.set(x.data, row * sizeOf(shape));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, decodeSome));
    const x: PackedTensor = { data: pixels, shape: [count, ...shape], dtype: 'float32', scale };
    const { labels } = this.#list;
    if (!labels) return { x };
    const data = labels.constructor === Int32Array ? new Int32Array(count) : new Float32Array(count);
    for (let row = 0; row < count; row++) data[row] = labels[indices[row] as number] as number;
    return { x, y: { data, shape: [count] } };
  }

  sampleId(index: number): string {
    const entry = this.entries[index];
    if (!entry) throw noSuchSample(index, this.length);
    return entry.id;
  }
}

/** For workers: the same list. */
export const imageFiles = (list: ImageList): ImageFiles => new ImageFiles(list);

/** Endings of the formats that are decoded. */
export const IMAGE_ENDINGS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp'];

/** The error for a folder in which nothing is found. */
export function noImages(folder: string, expected: string): DataError {
  return new DataError(`${folder} holds no images`, {
    code: 'no-images',
    expected,
    help: `images are files that end in ${IMAGE_ENDINGS.join(', ')}`,
  });
}
