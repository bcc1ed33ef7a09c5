/** What the optimizer tests share: PyTorch's recorded values, its test gradient, and reading variables. */
import { existsSync, readFileSync } from 'node:fs';
import { type Optimizer, tf } from 'kelvin';
import { expect } from 'vitest';

const goldenFile = new URL('../../../shared/golden/optim.json', import.meta.url);

interface Golden {
  meta: { shapes: number[][]; initial: number[][] };
  optimizers: Record<
    string,
    { config: Record<string, number | boolean | string>; trajectory: { step: number; params: number[][] }[] }
  >;
  schedulers: Record<string, { config: Record<string, unknown>; lrs: number[]; metrics?: number[] }>;
  clipping: { input: number[][]; results: Record<string, { total_norm: number | null; grads: number[][] }> };
}

/** PyTorch's values, where they are: they do not travel with the repository. */
export const golden: Golden | undefined = existsSync(goldenFile)
  ? (JSON.parse(readFileSync(goldenFile, 'utf8')) as Golden)
  : undefined;

/** The gradient that the recorded trajectories were made with, at 0-based step `t`. */
export const testGradient = (p: number, t: number): number => Math.sin(1.3 * p + 0.1 * t) + 0.05 * p;

/** The same gradient of variables, by name. */
export function gradientsOf(variables: readonly tf.Variable[], t: number): Record<string, tf.Tensor> {
  return Object.fromEntries(
    variables.map((variable) => {
      const values = [...variable.dataSync()].map((p) => testGradient(p, t));
      return [variable.name, tf.tensor(values, variable.shape)];
    }),
  );
}

/** Takes steps with the test gradient, as step numbers `from` … `to - 1`. */
export function takeSteps(optimizer: Optimizer, variables: readonly tf.Variable[], from: number, to: number): void {
  for (let t = from; t < to; t++) {
    const gradients = gradientsOf(variables, t);
    optimizer.step(gradients);
    tf.dispose(gradients);
  }
}

let made = 0;

/** Variables with names of their own, holding `values`. */
export function makeVariables(values: readonly (readonly number[])[], shapes?: readonly number[][]): tf.Variable[] {
  made += 1;
  return values.map((data, index) => {
    const initial = tf.tensor([...data], shapes?.[index] ?? [data.length]);
    const variable = tf.variable(initial, true, `test${made}/p${index}`);
    initial.dispose();
    return variable;
  });
}

/** Runs `body` with fresh variables and disposes of them. */
export function withVariables<T>(values: readonly (readonly number[])[], body: (variables: tf.Variable[]) => T): T {
  const variables = makeVariables(values);
  try {
    return body(variables);
  } finally {
    tf.dispose(variables);
  }
}

export const valuesOf = (tensors: readonly tf.Tensor[]): number[][] => tensors.map((tensor) => [...tensor.dataSync()]);

/** Equal up to 1e-6, relative to numbers above 1. */
export function expectClose(actual: readonly number[], expected: readonly number[], tolerance = 1e-6): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => {
    const wanted = expected[index] as number;
    const error = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    expect(error, `element ${index}: ${value}, expected ${wanted}`).toBeLessThanOrEqual(tolerance);
  });
}
