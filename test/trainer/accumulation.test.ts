/** Accumulated and clipped gradients: rows A17 and A21 of reference/lightning.md. */
import { Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';

assertFileLeaksNothing();

test('A17 §2.1 C6 four batches of 8 accumulated are one of 32, also with a shorter last window and batches of other sizes', async () => {
  const run = async (sizes: number[], accumulateGradBatches: number): Promise<number[]> => {
    const module = new BoringModule();
    let row = 0;
    const batches = sizes.map((size) => {
      const rows = Array.from({ length: size }, () => [Math.sin(row), Math.cos(3 * row++)]);
      return { x: tf.tensor2d(rows), y: tf.tensor2d(rows.map(([a, b]) => [2 * (a as number) - (b as number)])) };
    });
    await new Trainer({ ...bare, maxEpochs: 3, accumulateGradBatches }).fit(module, batches);
    const weights = module.weights();
    module.dispose();
    tf.dispose(batches as never);
    return weights;
  };
  const close = (a: number[], b: number[]): void => {
    for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(1e-6);
  };
  close(await run([8, 8, 8, 8], 4), await run([32], 1));
  close(await run([8, 8, 8, 8, 8], 4), await run([32, 8], 1)); // the last window holds one batch
  close(await run([8, 4, 1, 3, 2, 1], 4), await run([16, 3], 1));
  close(await run([1, 1, 1], 1), await run([1, 1, 1], 1));
});

test.for(['norm', 'value'] as const)(
  'A21 §2.2 T5 clipping by %s: once per window, the hook before it sees unclipped gradients',
  async (gradientClipAlgorithm) => {
    const module = new BoringModule();
    module.lr = 1;
    let calls = 0;
    const size = (gradients: Readonly<Record<string, tf.Tensor>>): number => {
      const values = Object.values(gradients).flatMap((gradient) => [...gradient.dataSync()]);
      return gradientClipAlgorithm === 'norm' ? Math.hypot(...values) : Math.max(...values.map(Math.abs));
    };
    const before = collect('beforeOptimizerStep', (_trainer, _optimizer, gradients) => size(gradients as never));
    const after: number[] = [];
    module.configureGradientClipping = function (this: BoringModule, ...args) {
      calls++;
      const clipped = BoringModule.prototype.configureGradientClipping.apply(this, args);
      after.push(size(clipped));
      return clipped;
    };
    const flags = { ...bare, maxEpochs: 1, accumulateGradBatches: 2, gradientClipVal: 0.5, gradientClipAlgorithm };
    await new Trainer({ ...flags, callbacks: before }).fit(module, boringLoader(5));
    expect(calls).toBe(3);
    expect(before.seen[0]).toBeGreaterThan(0.5);
    after.forEach((value, i) => {
      expect(value).toBeLessThanOrEqual(0.5 + 1e-6);
      expect(value).toBeCloseTo(Math.min(0.5, before.seen[i] as number), 4);
    });
    module.dispose();
  },
);
