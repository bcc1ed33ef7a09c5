import { existsSync, readFileSync } from 'node:fs';
import { DataError, losses, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { expectGradient, expectNear, logSoftmax } from './support.ts';

assertFileLeaksNothing();

const goldenFile = new URL('../../../shared/golden/kd_losses.json', import.meta.url);

interface Golden {
  inputs: { zs: number[][]; zt: number[][] };
  losses: Record<string, { cfg: { T: number; reduction: 'mean' | 'batchmean' }; value: number; grad: number[] }>;
}

const golden = existsSync(goldenFile) ? (JSON.parse(readFileSync(goldenFile, 'utf8')) as Golden) : undefined;

describe.skipIf(!golden)('as in PyTorch (needs ../shared/golden/kd_losses.json)', () => {
  const { inputs, losses: records } = golden ?? { inputs: { zs: [], zt: [] }, losses: {} };
  const cases = Object.entries(records).filter(([name]) => name.startsWith('kd_forward_kl'));

  test.each(cases)('%s', (_, { cfg, value, grad }) =>
    expectNoLeak(() => {
      const [student, teacher] = [tf.tensor2d(inputs.zs), tf.tensor2d(inputs.zt)];
      const options = { temperature: cfg.T, reduction: cfg.reduction ?? 'batchmean' };
      const found = tf.valueAndGrad((x: tf.Tensor) => losses.klDivergence(x, teacher, options))(student);
      expectNear([...found.value.dataSync()], [value], 1e-5);
      expectNear([...found.grad.dataSync()], grad, 1e-5);
      tf.dispose([student, teacher, found.value, found.grad]);
    }),
  );
});

const STUDENT = [
  [2, -1, 0.5],
  [0.1, 0.2, 0.3],
];
const TEACHER = [
  [1, 1, -2],
  [-3, 30, 3],
];

function reference(student: number[][], temperature: number): number[] {
  const soften = (row: number[]) => logSoftmax(row.map((x) => x / temperature));
  return student.map((row, sample) => {
    const [q, p] = [soften(row), soften(TEACHER[sample] as number[])];
    return temperature ** 2 * p.reduce((sum, logp, c) => sum + Math.exp(logp) * (logp - (q[c] as number)), 0);
  });
}

test.each([1, 2.5])('value and gradient at temperature %d, by every reduction', (temperature) =>
  expectNoLeak(() => {
    const teacher = tf.tensor2d(TEACHER);
    const [a, b] = [3, -1];
    const kl = (x: tf.Tensor, reduction: 'batchmean' | 'mean' | 'sum') =>
      losses.klDivergence(x, teacher, { temperature, reduction });
    const sum = (x: number[][]) => reference(x, temperature).reduce((total, each) => total + each, 0);
    expectGradient(
      STUDENT,
      (x) => kl(x, 'batchmean'),
      (x) => sum(x) / 2,
    );
    expectGradient(
      STUDENT,
      (x) => kl(x, 'mean'),
      (x) => sum(x) / 6,
    );
    expectGradient(STUDENT, (x) => kl(x, 'sum'), sum);
    expectGradient(
      STUDENT,
      (x) => tf.sum(tf.mul(losses.klDivergence(x, teacher, { temperature, reduction: 'none' }), [a, b])),
      (x) => {
        const [first, second] = reference(x, temperature) as [number, number];
        return a * first + b * second;
      },
    );
    teacher.dispose();
  }),
);

test('mistakes are named', () =>
  tf.tidy(() => {
    const wrong = () => losses.klDivergence(tf.zeros([4, 10]), tf.zeros([4, 9]));
    expect(wrong).toThrow(DataError);
    expect(wrong).toThrowErrorMatchingInlineSnapshot(
      `[DataError: klDivergence: studentLogits and teacherLogits differ in shape: expected teacherLogits of shape [4, 10], got [4, 9].]`,
    );
    const cold = () => losses.klDivergence(tf.zeros([4, 10]), tf.zeros([4, 10]), { temperature: 0 });
    expect(cold).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: klDivergence: option \`temperature\`: expected a number above 0, got 0 (number).]`,
    );
  }));
