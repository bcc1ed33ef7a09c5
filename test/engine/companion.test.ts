/** The companion module: reproducible, small, and at every level as right as the composed kernels. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Adam, AdamW, describeEngines, type Optimizer, SGD, startEngine, tf } from 'kelvin';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { binariesFromSource } from '../../scripts/build-companion.mjs';
import { BINARIES } from '../../src/engine/wasm/companion/binaries.ts';
import { buildHere } from '../../src/engine/wasm/companion/companion.ts';
import { isWanted, LEVELS, type Level, limitLevel } from '../../src/engine/wasm/companion/level.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals, valueAndGradients } from './support.ts';

const highest = LEVELS.findLast(isWanted) as Level;
const levels = LEVELS.filter(isWanted);

beforeAll(async () => {
  await startEngine({ engine: 'wasm' });
});
afterEach(() => limitLevel(highest));
assertFileLeaksNothing();

const tensor = (seed: number, shape: number[]) => ({ values: normals(seed, tf.util.sizeFromShape(shape)), shape });

describe('the binaries', () => {
  it('are what the sources give', async () => {
    const file = new URL('../../src/engine/wasm/companion/binaries.ts', import.meta.url);
    const same = (await binariesFromSource()) === readFileSync(file, 'utf8');
    expect(same, 'else run npm run build:companion').toBe(true);
  });

  it.each(Object.entries(BINARIES))('%s takes less than 60 KB, and none of the backend memory', (_, base64) => {
    const binary = Buffer.from(base64, 'base64');
    expect(binary.length).toBeLessThan(60 * 1024);
    expect(sectionsOf(binary), 'no data section').not.toContain(11);
  });
});

/** The ids of a wasm binary's sections. */
function sectionsOf(binary: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 8; at < binary.length; ) {
    ids.push(binary[at++] as number);
    let [size, shift, byte] = [0, 0, 0x80];
    for (; byte & 0x80; shift += 7) {
      byte = binary[at++] as number;
      size |= (byte & 0x7f) << shift;
    }
    at += size;
  }
  return ids;
}

describe('levels', () => {
  it('are told apart in the report', async () => {
    limitLevel('composed');
    const composed = (await describeEngines()).find(({ name }) => name === 'wasm');
    expect(composed?.available).toBe(true);
    expect(buildHere()).toBeUndefined();
    limitLevel('simd');
    expect(buildHere()).toBe('simd');
  });
});

describe.each(levels)('%s', (level) => {
  const side = fc.integer({ min: 1, max: 20 });

  it('multiplies matrices of any size, exactly as often as asked', () => {
    limitLevel(level as Level);
    const property = fc.property(side, side, side, fc.boolean(), fc.boolean(), (m, k, n, transposeA, transposeB) => {
      const [a, b] = [tensor(1, transposeA ? [k, m] : [m, k]), tensor(2, transposeB ? [n, k] : [k, n])];
      const dy = normals(3, m * n);
      const f = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB);
      const [y] = valueAndGradients(f as never, [a, b], dy) as [Float32Array];
      const expected = Float64Array.from({ length: m * n }, (_, i) => {
        const [row, column] = [Math.floor(i / n), i % n];
        let sum = 0;
        for (let j = 0; j < k; j++) {
          const left = a.values[transposeA ? j * m + row : row * k + j] as number;
          sum += left * (b.values[transposeB ? column * k + j : j * n + column] as number);
        }
        return sum;
      });
      expectClose(y, expected);
    });
    fc.assert(property, howOften(60, 5));
  });

  it('gives the same bits when it is asked again', () => {
    limitLevel(level as Level);
    const inputs = [tensor(1, [3, 11, 13, 5]), tensor(2, [3, 3, 5, 9])];
    const conv = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same');
    const once = () => valueAndGradients(conv as never, inputs, normals(3, 3 * 6 * 7 * 9));
    expect(once()).toEqual(once());
  });

  it('reduces any neighbouring axes', () => {
    limitLevel(level as Level);
    const property = fc.property(
      side,
      side,
      side,
      fc.constantFrom<number[]>([0], [1], [2], [0, 1], [1, 2], [0, 2]),
      (a, b, c, axes) => {
        const { values } = tensor(4, [a, b, c]);
        const [sum, largest] = expectNothingLeft(() =>
          tf.tidy(() => {
            const x = tf.tensor(values, [a, b, c]);
            return [x.sum(axes).dataSync(), x.max(axes).dataSync()];
          }),
        ) as [Float32Array, Float32Array];
        const kept = [0, 1, 2].filter((axis) => !axes.includes(axis));
        const shape = [a, b, c];
        const expected = new Float64Array(sum.length);
        const best = new Float64Array(sum.length).fill(Number.NEGATIVE_INFINITY);
        values.forEach((value, i) => {
          const place = [Math.floor(i / (b * c)), Math.floor(i / c) % b, i % c];
          const to = kept.reduce((at, axis) => at * (shape[axis] as number) + (place[axis] as number), 0);
          expected[to] = (expected[to] as number) + value;
          best[to] = Math.max(best[to] as number, value);
        });
        expectClose(sum, expected);
        expectClose(largest, best, 0);
      },
    );
    fc.assert(property, howOften(60, 6));
  });
});

describe('fused optimizers', () => {
  const makers: Record<string, (variable: tf.Variable) => Optimizer> = {
    Adam: (v) => new Adam([v], { lr: 0.01 }),
    'Adam with an L2 penalty': (v) => new Adam([v], { lr: 0.01, weightDecay: 0.1 }),
    'Adam that climbs': (v) => new Adam([v], { lr: 0.01, maximize: true }),
    AdamW: (v) => new AdamW([v], { lr: 0.01, weightDecay: 0.1 }),
    SGD: (v) => new SGD([v], { lr: 0.01, weightDecay: 0.1 }),
    momentum: (v) => new SGD([v], { lr: 0.01, momentum: 0.9, dampening: 0.2 }),
    Nesterov: (v) => new SGD([v], { lr: 0.01, momentum: 0.9, nesterov: true }),
  };

  it.each(Object.keys(makers))('%s moves as when it is composed', (name) => {
    const run = (level: Level): Float32Array => {
      limitLevel(level);
      return expectNothingLeft(() => {
        const variable = tf.tidy(() => tf.variable(tf.tensor1d(normals(1, 11))));
        const optimizer = (makers[name] as (v: tf.Variable) => Optimizer)(variable);
        for (let step = 0; step < 5; step++) {
          const gradient = tf.tensor1d(normals(2 + step, 11));
          optimizer.step({ [variable.name]: gradient });
          gradient.dispose();
        }
        const values = variable.dataSync() as Float32Array;
        optimizer.dispose();
        variable.dispose();
        return values.slice();
      });
    };
    const composed = run('composed');
    for (const level of levels.slice(1)) expectClose(run(level), composed, 2e-6);
  });
});
