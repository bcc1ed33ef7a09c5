/** Masked generative distillation against its formula in float64: align, mask, two 3 by 3 convolutions, mean of squares. */
import { MGDLoss, startEngine, tf, withSeed } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const [SIZE, OWN, CHANNELS] = [4, 2, 3];

/** A convolution with padding that keeps the size, of one map [size, size, from], by a kernel [k, k, from, to]. */
function convolve(map: number[][][], kernel: number[][][][], bias: number[]): number[][][] {
  const half = (kernel.length - 1) / 2;
  const taps = kernel.flatMap((line, dy) =>
    line.flatMap((weights, dx) => weights.map((to, from) => ({ dy: dy - half, dx: dx - half, from, to }))),
  );
  return map.map((row, y) =>
    row.map((_, x) =>
      bias.map((start, c) =>
        taps.reduce(
          (sum, { dy, dx, from, to }) => sum + (map[y + dy]?.[x + dx]?.[from] ?? 0) * (to[c] as number),
          start,
        ),
      ),
    ),
  );
}

const relu = (map: number[][][]): number[][][] =>
  map.map((row) => row.map((pixel) => pixel.map((v) => Math.max(0, v))));
const apart = (a: number[][][], b: number[][][]): number[] =>
  a.flatMap((row, y) => row.flatMap((pixel, x) => pixel.map((v, c) => (v - (b[y]?.[x]?.[c] as number)) ** 2)));
const meanOf = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const maps = (channels: number, seed: number) =>
  tf.randomNormal<tf.Rank.R4>([1, SIZE, SIZE, channels], 0, 1, 'float32', seed);
const build = (loss: MGDLoss, own: number) => loss.build([null, SIZE, SIZE, own], [null, SIZE, SIZE, CHANNELS]);
const release = (loss: MGDLoss) => tf.dispose(loss.foundVariables().map(({ variable }) => variable));

test('value and gradient with nothing hidden are those of the formula', async () => {
  const loss = new MGDLoss({ alpha: 2, lambda: 0 });
  build(loss, OWN);
  const [student, teacher] = [maps(OWN, 1), maps(CHANNELS, 2)];
  const of = new Map(loss.foundVariables().map(({ name, variable }) => [name, variable.arraySync() as never]));
  const named = (end: string): never => [...of].find(([name]) => name.endsWith(end))?.[1] as never;
  expect(of.size).toBe(6);
  const target = (teacher.arraySync() as number[][][][])[0] as number[][][];
  const formula = (map: number[][][]): number => {
    const aligned = convolve(map, named('align.kernel'), named('align.bias'));
    const hidden = relu(convolve(aligned, named('generation.1.kernel'), named('generation.1.bias')));
    return 2 * meanOf(apart(convolve(hidden, named('generation.2.kernel'), named('generation.2.bias')), target));
  };
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss.compute(x, teacher))(student);
  const given = (student.arraySync() as number[][][][])[0] as number[][][];
  expect(value.dataSync()[0]).toBeCloseTo(formula(given), 5);
  const slopes = [...grad.dataSync()];
  [0, 7, 18, 31].forEach((at) => {
    const moved = (by: number) =>
      formula(
        given.map((row, y) =>
          row.map((pixel, x) => pixel.map((v, c) => (y * SIZE * OWN + x * OWN + c === at ? v + by : v))),
        ),
      );
    expect(slopes[at]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 4);
  });
  release(loss);
  tf.dispose([student, teacher, value, grad]);
});

test('λ of the pixels are hidden, anew at each step and by the seed; all of them leave the biases', () => {
  const [student, teacher] = [maps(CHANNELS, 1), maps(CHANNELS, 2)];
  const hidden = (lambda: number, seeds: number[]) => {
    const loss = new MGDLoss({ lambda });
    build(loss, CHANNELS);
    const values = seeds.map((seed) =>
      withSeed(seed, () => tf.tidy(() => loss.compute(student, teacher).dataSync()[0] as number)),
    );
    release(loss);
    return values;
  };
  const [a, again, b] = hidden(0.65, [1, 1, 2]) as [number, number, number];
  expect([again === a, b === a]).toEqual([true, false]);
  const squares = tf.tidy(() => tf.mean(tf.square(teacher)).dataSync()[0] as number);
  expect(hidden(1, [1])[0], 'biases begin at 0').toBeCloseTo(squares, 5);
  tf.dispose([student, teacher]);
});

test('layers that are no maps are refused', async () => {
  expect(await messageFrom(() => new MGDLoss().build([null, 4], [null, 4]))).toContain('[feature-shape] MGDLoss');
});
