/** The options that several optimizers share, as zod schemas with PyTorch's defaults. */
import { z } from 'zod';
import { flag, numberBetween } from '../core/options.ts';

/** Learning rate: 0 or above. */
export const lr = (fallback: number) => numberBetween(0, Number.POSITIVE_INFINITY).default(fallback);

/** A number of at least 0. */
export const nonNegative = (fallback: number) => numberBetween(0, Number.POSITIVE_INFINITY).default(fallback);

/** A switch. */
export const off = () => flag().default(false);

/** Decay rates of moving averages: two numbers from 0 to below 1. */
export function betas(first: number, second: number) {
  const error = 'two numbers from 0 to below 1, such as [0.9, 0.999]';
  const rate = z.number({ error }).min(0, { error }).lt(1, { error });
  return z.tuple([rate, rate], { error }).default([first, second]);
}

/** One decay rate: a number from 0 to 1. */
export const rate = (fallback: number) => numberBetween(0, 1).default(fallback);
