/** Small datasets with samples that are easy to recognize, and what the tests of loaders do with them. */
import { ArrayDataset, int32, tf } from 'kelvin';

/** Sample i has x = [2i, 2i + 1] and y = i. */
export const numbered = (length: number) =>
  new ArrayDataset({
    x: { data: Float32Array.from({ length: length * 2 }, (_, i) => i), shape: [2] },
    y: { data: Int32Array.from({ length }, (_, i) => i), shape: [] },
  });

/** The same numbers, each of which has to be waited for, the later ones sooner. */
export const slow = (length: number) => ({
  length,
  async get(index: number) {
    for (let turns = index % 5; turns < 5; turns++) await Promise.resolve();
    return { x: Float32Array.of(2 * index, 2 * index + 1), y: int32(index) };
  },
});

export type Batch = { x: tf.Tensor; y: tf.Tensor };

/** The labels of each batch that is taken. */
export async function labelsOf(
  loader: AsyncIterable<{ y: tf.Tensor }>,
  atMost = Number.POSITIVE_INFINITY,
): Promise<number[][]> {
  const batches: number[][] = [];
  if (atMost === 0) return batches;
  for await (const batch of loader) {
    batches.push([...batch.y.dataSync()]);
    tf.dispose(batch);
    if (batches.length >= atMost) break;
  }
  return batches;
}

/** Lets every promise that can go on do so. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** The text of the error that `work` ends with, without the directory `folder`. */
export const errorOf = (work: Promise<unknown>, folder: string): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error & { code: string }) =>
      `${error.name} ${error.code}: ${error.message.replaceAll(folder, '').replaceAll('\\', '/')}`,
  );
