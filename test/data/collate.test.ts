/** What becomes of samples in a batch, and which sample is blamed when they do not fit together. */
import { collate, DataLoader, int32, tf, toTensors } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

describe('collate', () => {
  test('stacks numbers, arrays, nested objects and tuples', async () => {
    const sample = (i: number) => ({
      image: { data: Uint8Array.of(i, i, i, i), shape: [2, 2] },
      pair: [Float32Array.of(i, -i), int32(i)],
      nested: { weight: i / 2, good: i > 0, name: `n${i}`, list: [i, i + 1, i + 2] },
    });
    await expectNoLeak(() => {
      const batch = toTensors(collate([sample(0), sample(1)]));
      expect(describeTensors(batch)).toMatchInlineSnapshot(`
        {
          "image": "int32 [2,2,2]: 0,0,0,0,1,1,1,1",
          "nested": {
            "good": "bool [2]: 0,1",
            "list": "float32 [2,3]: 0,1,2,1,2,3",
            "name": [
              "n0",
              "n1",
            ],
            "weight": "float32 [2]: 0,0.5",
          },
          "pair": [
            "float32 [2,2]: 0,0,1,-1",
            "int32 [2]: 0,1",
          ],
        }
      `);
      tf.dispose(batch as tf.TensorContainer);
    });
  });

  test('names the sample that differs from the others', () => {
    const image = (height: number) => ({ x: { data: new Float32Array(height * 3), shape: [height, 3] } });
    const fails = (samples: unknown[], ids: number[]) => expect(() => collate(samples, ids));
    fails([image(3), image(3), image(2)], [7, 4, 9]).toThrowErrorMatchingInlineSnapshot(`
      [DataError: Sample 9 does not fit its batch at \`x\`: expected shape [3, 3] as in sample 7, got [2, 3].
        help: bring the samples to one shape in the dataset, or give the loader a \`collate\` function of your own]
    `);
    fails([{ x: new Float32Array(3) }, { x: new Float32Array(4) }], [1, 2]).toThrow(
      'Sample 2 does not fit its batch at `x`',
    );
    fails([{ x: 1 }, { y: 1 }], [0, 5]).toThrowErrorMatchingInlineSnapshot(
      `[DataError: Sample 5 is built differently from others of its batch: expected the keys x as in sample 0, got the keys y.]`,
    );
    fails([{ x: 1 }, { x: true }], [0, 5]).toThrowErrorMatchingInlineSnapshot(
      `[DataError: Sample 5 is built differently from others of its batch at \`x\`: expected 1 (number) as in sample 0, got true (boolean).]`,
    );
    fails([{ x: [{ z: 1 }] }, { x: [{ z: 1 }, { z: 1 }] }], [0, 5]).toThrowErrorMatchingInlineSnapshot(
      `[DataError: Sample 5 is built differently from others of its batch at \`x\`: expected a list of 1 as in sample 0, got a list of 2.]`,
    );
    fails([{ x: 'a' }, { x: undefined }], [0, 5]).toThrowErrorMatchingInlineSnapshot(
      `[DataError: Sample 5 is built differently from others of its batch at \`x\`: expected 'a' (string) as in sample 0, got undefined.]`,
    );
    fails([{ x: { data: new Float32Array(5), shape: [2, 3] } }], [3]).toThrowErrorMatchingInlineSnapshot(
      `[DataError: Sample 3 contradicts itself at \`x\`: expected 6 values for shape [2, 3], got 5 values.]`,
    );
    fails([{ x: null }], [3]).toThrowErrorMatchingInlineSnapshot(`
      [DataError: Sample 3 cannot be collated at \`x\`: expected numbers, booleans, words, typed arrays, { data, shape }, or objects and tuples of these, got null.
        help: return host arrays from \`get\`, or give the loader a \`collate\` function of your own]
    `);
  });

  test('reaches the loader with the indices of the dataset', async () => {
    const ragged = { length: 6, get: (i: number) => ({ x: new Float32Array(i === 4 ? 2 : 3) }) };
    await expectNoLeak(async () => {
      const all = async () => {
        for await (const batch of new DataLoader<{ x: tf.Tensor }>(ragged, { batchSize: 3 })) tf.dispose(batch);
      };
      await expect(all()).rejects.toThrow(
        'Sample 4 does not fit its batch at `x`: expected shape [3] as in sample 3, got [2]',
      );
    });
  });

  test('refuses samples that hold tensors, and disposes them', async () => {
    await expectNoLeak(() => {
      const samples = [{ x: tf.scalar(1) }, { x: tf.scalar(2) }];
      expect(() => collate(samples)).toThrowErrorMatchingInlineSnapshot(`
        [DataError: Sample 0 cannot be collated at \`x\`: expected numbers, booleans, words, typed arrays, { data, shape }, or objects and tuples of these, got an instance of Tensor.
          help: return host arrays from \`get\`, or give the loader a \`collate\` function of your own]
      `);
    });
  });
});

function describeTensors(tree: unknown): unknown {
  if (tree instanceof tf.Tensor) return `${tree.dtype} [${tree.shape}]: ${tree.dataSync().join()}`;
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map(describeTensors);
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, describeTensors(value)]));
}
