/** Several loaders as one: which batches come together, for how long, in what order, and from where on. */
import fc from 'fast-check';
import { CombinedLoader, type CombinedMode, DataLoader, type Loader, tf } from 'kelvin';
import { expect, expectTypeOf, test } from 'vitest';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { type Batch, numbered } from './support.ts';

assertFileLeaksNothing();

const letters = (letter: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${letter}${i}`);

/** A loader that does not know its length. */
const unsized = (letter: string, count: number): Iterable<string> => ({
  [Symbol.iterator]: () => letters(letter, count).values(),
});

async function all<B>(loader: AsyncIterable<B>, atMost = 99): Promise<B[]> {
  const batches: B[] = [];
  for await (const batch of loader) {
    batches.push(batch);
    if (batches.length >= atMost) break;
  }
  return batches;
}

const joined = async (loader: AsyncIterable<unknown>): Promise<string> =>
  (await all(loader))
    .map((batch) => (Array.isArray(batch) ? batch.map((part) => part ?? '-').join('') : batch))
    .join(' ');

test.for([
  ['maxSizeCycle', 'a0b0 a1b1 a2b0 a3b1 a4b0', 5],
  ['minSize', 'a0b0 a1b1', 2],
  ['maxSize', 'a0b0 a1b1 a2- a3- a4-', 5],
  ['sequential', 'a0 a1 a2 a3 a4 b0 b1', 7],
] as [CombinedMode, string, number][])('§1.11 mode %s, with and without lengths', async ([mode, expected, length]) => {
  const sized = new CombinedLoader([letters('a', 5), letters('b', 2)], mode);
  expect(sized.length).toBe(length);
  expect(await joined(sized)).toBe(expected);
  expect(await joined(sized)).toBe(expected);
  const streams = new CombinedLoader([unsized('a', 5), unsized('b', 2)], mode);
  expect(streams.length).toBeUndefined();
  expect(await joined(streams)).toBe(expected);
  expect(await joined(new CombinedLoader([letters('a', 5), unsized('b', 2)], mode))).toBe(expected);
});

test('records, arrays and nesting: a batch has the shape of the loaders', async () => {
  const loader = new CombinedLoader({ a: letters('a', 2), more: [letters('b', 1), { c: unsized('c', 3) }] }, 'minSize');
  expect(await all(loader)).toEqual([{ a: 'a0', more: ['b0', { c: 'c0' }] }]);
  expect(loader.members).toHaveLength(3);
});

test('typed: the batch follows from the loaders and the mode', () => {
  const a = new DataLoader<Batch>(numbered(2));
  const b: Loader<string> = ['x'];
  type Of<T> = T extends AsyncIterable<infer B> ? B : never;
  const cycle = new CombinedLoader({ a, b });
  expectTypeOf<Of<typeof cycle>>().toEqualTypeOf<{ a: Batch; b: string }>();
  const pair = new CombinedLoader([a, b], 'minSize');
  expectTypeOf<Of<typeof pair>>().toEqualTypeOf<[Batch, string]>();
  const longest = new CombinedLoader({ a, b }, 'maxSize');
  expectTypeOf<Of<typeof longest>>().toEqualTypeOf<{ a: Batch | undefined; b: string | undefined }>();
  const inTurn = new CombinedLoader({ a, b }, 'sequential');
  expectTypeOf<Of<typeof inTurn>>().toEqualTypeOf<Batch | string>();
});

/** The labels of both members, batch by batch. */
async function labels(loader: CombinedLoader<{ a: DataLoader<Batch>; b: DataLoader<Batch> }>): Promise<string[]> {
  const seen: string[] = [];
  for await (const batch of loader) {
    seen.push(`${batch.a.y.dataSync()}|${batch.b.y.dataSync()}`);
    tf.dispose([batch.a, batch.b]);
  }
  return seen;
}

const shuffled = (seed: number) =>
  new CombinedLoader({
    a: new DataLoader<Batch>(numbered(14), { batchSize: 2, shuffle: true, seed }),
    b: new DataLoader<Batch>(numbered(6), { batchSize: 2, shuffle: true, seed: seed + 1 }),
  });

test('a member that begins again does so in a new order, and no two passes of two epochs have the same', async () => {
  const loader = shuffled(3);
  const passes = new Set<string>();
  for (const epoch of [0, 1]) {
    loader.setEpoch(epoch);
    const b = (await labels(loader)).map((batch) => batch.split('|')[1] as string);
    passes.add(b.slice(0, 3).join()).add(b.slice(3, 6).join());
    for (const from of [0, 3])
      expect(
        new Set(
          b
            .slice(from, from + 3)
            .join()
            .split(','),
        ),
      ).toHaveProperty('size', 6);
  }
  expect(passes.size).toBe(4);
});

test('goes on from any batch of any epoch, in loaders of other seeds', async () => {
  const first = shuffled(5);
  for (const epoch of [0, 2]) {
    first.setEpoch(epoch);
    const whole = await labels(first);
    for (let batch = 0; batch <= whole.length; batch++) {
      const second = shuffled(1000 + batch);
      second.loadState({ ...first.state(), epoch, batch });
      expect(await labels(second)).toEqual(whole.slice(batch));
    }
  }
});

test('property: whatever the lengths and the mode, a position is gone on from exactly', async () => {
  const member = fc.record({ length: fc.integer({ min: 1, max: 6 }), sized: fc.boolean() });
  const modes = fc.constantFrom<CombinedMode>('maxSizeCycle', 'minSize', 'maxSize', 'sequential');
  await fc.assert(
    fc.asyncProperty(
      fc.array(member, { minLength: 1, maxLength: 3 }),
      modes,
      fc.nat(18),
      async (members, mode, skip) => {
        const make = () =>
          new CombinedLoader(
            members.map(({ length, sized }, i) =>
              sized ? letters('abc'.charAt(i), length) : unsized('abc'.charAt(i), length),
            ),
            mode,
          );
        const whole = await all(make());
        const lengths = members.map(({ length }) => length);
        const expected = { sequential: lengths.reduce((a, b) => a + b), minSize: Math.min(...lengths) };
        expect(whole).toHaveLength(mode in expected ? expected[mode as 'minSize'] : Math.max(...lengths));
        const batch = Math.min(skip, whole.length);
        const resumed = make();
        resumed.loadState({ ...resumed.state(), batch });
        expect(await all(resumed)).toEqual(whole.slice(batch));
      },
    ),
    { numRuns: 60 },
  );
});

/** Batches of one tensor; `fails` throws at its batch 1. */
const tensors = (count: number, { fails = false } = {}) => ({
  async *[Symbol.asyncIterator]() {
    for (let i = 0; i < count; i++) {
      if (fails && i === 1) throw new Error('broken member');
      yield tf.scalar(i);
    }
  },
});

test('nothing is left behind when a stream ends, a member fails, or the consumer leaves', async () => {
  await expectNoLeak(async () => {
    const walk = async (loader: CombinedLoader<readonly Loader<tf.Tensor>[], CombinedMode>, atMost: number) => {
      for (const batch of await all(loader, atMost)) tf.dispose(loader.owned(batch) as never);
    };
    for (const mode of ['maxSizeCycle', 'minSize', 'maxSize'] as const) {
      await walk(new CombinedLoader([tensors(2), tensors(3)], mode), 99);
      await walk(new CombinedLoader([tensors(2), tensors(3)], mode), 1);
      const broken = new CombinedLoader([tensors(3), tensors(3, { fails: true })], mode);
      const given: unknown[] = [];
      const failing = async () => {
        for await (const batch of broken) given.push(batch);
      };
      expect(await messageFrom(failing)).toBe('Error broken member');
      for (const batch of given) tf.dispose(broken.owned(batch) as never);
    }
  });
});

test('an array of ready batches is used again and not disposed of; other members are', async () => {
  const ready = [tf.scalar(1)];
  const loader = new CombinedLoader([ready, tensors(2)]);
  for await (const batch of loader) {
    tf.dispose(loader.owned(batch) as never);
    expect([ready[0]?.isDisposed, (batch[1] as tf.Tensor).isDisposed]).toEqual([false, true]);
  }
  tf.dispose(ready);
});

test('mistakes', async () => {
  const loader = new CombinedLoader([['a'], ['b']]);
  expect({
    mode: await messageFrom(() => new CombinedLoader([['a']], 'min_size' as never)),
    none: await messageFrom(() => new CombinedLoader([])),
    notALoader: await messageFrom(() => new CombinedLoader({ a: ['a'], b: { c: 7 } })),
    within: await messageFrom(() => new CombinedLoader([new CombinedLoader([['a']], 'sequential'), ['b']])),
    state: await messageFrom(() => loader.loadState({ epoch: 0, batch: 0, seed: [1] })),
    empty: await messageFrom(() => all(new CombinedLoader({ a: ['a'], b: [] }))),
    once: await messageFrom(() => all(new CombinedLoader({ a: letters('a', 3), b: ['b'].values() }))),
  }).toMatchInlineSnapshot(`
    {
      "empty": "DataError [empty-loader] The member \`b\` of a combined loader: expected at least one batch each time it is walked through, got none.
      help: check that the dataset is not empty and, with \`dropLast\`, not smaller than one batch",
      "mode": "ConfigError [invalid-option] CombinedLoader: \`mode\`: expected 'maxSizeCycle' or 'minSize' or 'maxSize' or 'sequential', got 'min_size' (string).",
      "none": "ConfigError [invalid-loader] CombinedLoader: expected a DataLoader, an array of batches, anything iterable, or loaders in an array or an object, got [] (array).",
      "notALoader": "ConfigError [invalid-loader] CombinedLoader: member \`b.c\`: expected a DataLoader, an array of batches, anything iterable, or loaders in an array or an object, got 7 (number).",
      "once": "DataError [exhausted-loader] The member \`b\` of a combined loader: expected at least one batch each time it is walked through, got none the second time.
      help: a generator object can be iterated only once: give an object whose [Symbol.iterator] starts anew",
      "state": "DataError [loader-state] CombinedLoader: this state does not fit: expected the seeds of 2 loaders, got [1] (array).
      help: resume with the loaders that the state was saved with",
      "within": "ConfigError [invalid-loader] CombinedLoader: expected members that can be walked through side by side, got a CombinedLoader of mode 'sequential'.
      help: give its loaders one by one, or another mode",
    }
  `);
});
