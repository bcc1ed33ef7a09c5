/**
 * The state of stock tfjs optimizers, read and written where they keep it: lists of accumulators in parameter order,
 * and running products in scalar variables. `getWeights` of tfjs is asynchronous, lacks Adamax, and recomputes
 * Adam's products instead of restoring them.
 */
import * as tf from '../core/tf.ts';

interface Accumulator {
  readonly originalName: string;
  readonly variable: tf.Variable;
}

/** A stock optimizer with the fields that tfjs keeps to itself. */
export type StockOptimizer = Omit<tf.Optimizer, 'learningRate'> & {
  learningRate?: number;
  setLearningRate?: (rate: number) => void;
  iterations_?: number;
  [field: string]: unknown;
};

const ITERATIONS = 'iterations_';

/** Fields that hold one accumulator per parameter. */
export function slotNames(optimizer: StockOptimizer): string[] {
  return Object.keys(optimizer).filter((field) => Array.isArray(optimizer[field]));
}

/** Fields that hold one number for all parameters. */
export function totalNames(optimizer: StockOptimizer): string[] {
  return Object.keys(optimizer).filter((field) => field !== ITERATIONS && optimizer[field] instanceof tf.Variable);
}

/** The accumulators of one parameter. */
export function readSlots(optimizer: StockOptimizer, index: number): Record<string, tf.Tensor> {
  const slots: Record<string, tf.Tensor> = {};
  for (const field of slotNames(optimizer)) {
    const accumulator = (optimizer[field] as (Accumulator | undefined)[])[index];
    if (accumulator) slots[field] = accumulator.variable;
  }
  return slots;
}

/** Replaces the accumulators of one parameter by copies of `tensors`. */
export function writeSlots(
  optimizer: StockOptimizer,
  index: number,
  name: string,
  tensors: Readonly<Record<string, tf.Tensor>>,
): void {
  for (const field of slotNames(optimizer)) {
    const accumulators = optimizer[field] as (Accumulator | undefined)[];
    accumulators[index]?.variable.dispose();
    delete accumulators[index];
    const tensor = tensors[field];
    if (tensor) accumulators[index] = { originalName: `${name}/${field}`, variable: tf.variable(tensor, false) };
  }
}

/** The numbers that are kept for all parameters together. */
export function readTotals(optimizer: StockOptimizer): Record<string, number> {
  const totals = totalNames(optimizer).map((field) => [field, (optimizer[field] as tf.Variable).dataSync()[0]]);
  return { ...Object.fromEntries(totals), [ITERATIONS]: optimizer.iterations_ ?? 0 };
}

/** Sets those numbers. */
export function writeTotals(optimizer: StockOptimizer, totals: Readonly<Record<string, number>>): void {
  optimizer.iterations_ = totals[ITERATIONS] ?? 0;
  tf.tidy(() => {
    for (const field of totalNames(optimizer))
      (optimizer[field] as tf.Variable).assign(tf.scalar(totals[field] as number));
  });
}

/** Frees what the optimizer's own `dispose` forgets: momentum's does not free its learning rate. */
export function disposeRest(optimizer: StockOptimizer): void {
  for (const value of Object.values(optimizer)) if (value instanceof tf.Tensor && !value.isDisposed) value.dispose();
}
