/** How far the embedded engine goes on this machine, what holds it below, and in words why. */
import os from 'node:os';
import { ConfigError, show } from '../../../core/errors.ts';

/** How far the embedded engine goes, lowest first. Each level can be switched off by asking for a lower one. */
export const LEVELS = ['composed', 'simd', 'relaxed', 'threads'] as const;

/**
 * `'composed'`: kernels of the backend only; `'simd'`: with the companion; `'relaxed'`: with its build for fused
 * multiply-add; `'threads'`: on several threads as well.
 */
export type Level = (typeof LEVELS)[number];

/** More threads than this wait for memory rather than compute. */
const MOST_THREADS = 8;

let wanted: Level = LEVELS.find((level) => level === process.env.KELVIN_WASM) ?? 'threads';
let threads: number | undefined;

/** Holds the engine below a level, or lets it go up to the highest again. */
export function limitLevel(level: Level): void {
  wanted = level;
}

/** Sets how many threads are to compute; undefined leaves it to `KELVIN_THREADS` or the number of cores. */
export function limitThreads(count: number | undefined): void {
  threads = count;
}

/** Whether a level is asked for. */
export const isWanted = (level: Level): boolean => LEVELS.indexOf(level) <= LEVELS.indexOf(wanted);

/** How many threads are asked for, this one included. */
export function threadsWanted(): number {
  if (!isWanted('threads')) return 1;
  return threads ?? threadsOfEnvironment() ?? Math.min(os.availableParallelism(), MOST_THREADS);
}

/** In words, why `threadsWanted` is 1. */
export function whyOneThread(): string {
  if (!isWanted('threads')) return whyNotWanted();
  if (threads === 1) return 'one was asked for';
  return threadsOfEnvironment() === 1 ? 'KELVIN_THREADS=1' : 'this machine has one core';
}

/** In words, why a level above the wanted one is off. */
export const whyNotWanted = (): string => `switched off by KELVIN_WASM=${wanted}`;

const threadsOfEnvironment = (): number | undefined => Number(process.env.KELVIN_THREADS) || undefined;

/** @throws ConfigError `invalid-option` when `KELVIN_WASM` names no level or `KELVIN_THREADS` is no number of threads */
export function checkEnvironment(): void {
  const { KELVIN_WASM: level, KELVIN_THREADS: count } = process.env;
  if (level && !LEVELS.some((one) => one === level))
    throw wrong('KELVIN_WASM', LEVELS.map((one) => `'${one}'`).join(' or '), level);
  if (count && !/^[1-9]\d?$/.test(count)) throw wrong('KELVIN_THREADS', 'a whole number from 1 to 99', count);
}

function wrong(name: string, expected: string, got: string): ConfigError {
  return new ConfigError(`environment variable ${name}`, { code: 'invalid-option', expected, got: show(got) });
}
