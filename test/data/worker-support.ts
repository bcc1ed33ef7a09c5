/** Loaders with workers, which are closed when a test file ends, and what their tests do with them. */
import { rm } from 'node:fs/promises';
import { DataLoader, type DataLoaderOptions, type Dataset, fromModule, tf } from 'kelvin';
import { afterAll } from 'vitest';
import { freshDirectory } from '../support/files.ts';
import { errorOf as textOf } from './support.ts';

export type Batch = { x: tf.Tensor; y: tf.Tensor };

/** A directory of the test file's own. */
export const folder = freshDirectory();
const loaders: DataLoader[] = [];
afterAll(async () => {
  for (const loader of loaders) await loader.close();
  await rm(folder, { recursive: true });
});

export const errorOf = (work: Promise<unknown>) => textOf(work, folder);

/** The module that workers load in these tests. */
export const MODULE = new URL('./fixtures/worker-data.mjs', import.meta.url);

/** Samples 0 to 22. */
export const numbers = (options: object) =>
  fromModule<Dataset<unknown, Batch>>(MODULE, 'openNumbers', { length: 23, ...options });

/** A loader that is closed when the file ends. */
export function loaderOf<B>(dataset: Dataset<unknown, B>, options: DataLoaderOptions<unknown, B>): DataLoader<B> {
  const loader = new DataLoader<B>(dataset, options);
  loaders.push(loader as DataLoader);
  return loader;
}

/** The bytes of the batches of an epoch, until `atMost` of them. */
export async function bytesOf(loader: AsyncIterable<object>, atMost = Number.POSITIVE_INFINITY): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of loader) {
    batches.push(Object.values(batch).flatMap((tensor: tf.Tensor) => [...tensor.shape, ...tensor.dataSync()]));
    tf.dispose(batch as Batch);
    if (batches.length >= atMost) break;
  }
  return batches;
}
