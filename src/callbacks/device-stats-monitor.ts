/** Logs what training takes of the machine: memory of the process and of tensors, and processor time. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { flag, parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { rowIsDue } from './log-rows.ts';

/** Options of {@link DeviceStatsMonitor}. */
export interface DeviceStatsMonitorOptions {
  /** Log the processor time, too. Default `true`. */
  cpu?: boolean | undefined;
}

const schema = z.strictObject({ cpu: flag().default(true) });
const MEGABYTE = 1e6;

/**
 * Logs, in the steps in which metrics are logged, in megabytes: `device/rss_mb` (all memory of the process),
 * `device/heap_used_mb`, `device/external_mb`, `device/array_buffers_mb`, `device/tensor_mb`; the number of tensors as
 * `device/tensors`; and as `device/cpu_percent` the processor time since the last such row, where 100 is one core. A number
 * of tensors that grows from row to row is a leak.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new DeviceStatsMonitor() })
 * ```
 */
export class DeviceStatsMonitor implements Callback {
  readonly metricNames = ['device/*'] as const;
  readonly #cpu: boolean;
  #lastUsage: NodeJS.CpuUsage | undefined;
  #lastTime = 0;

  constructor(options: DeviceStatsMonitorOptions = {}) {
    this.#cpu = parseOptions('DeviceStatsMonitor', schema, options).cpu;
  }

  onTrainStart(): void {
    this.#lastUsage = process.cpuUsage();
    this.#lastTime = performance.now();
  }

  onTrainBatchEnd(trainer: TrainerView, module: ModuleView): void {
    if (rowIsDue(trainer)) module.logDict({ ...memory(), ...this.#cpuRow() }, { onStep: true, onEpoch: false });
  }

  #cpuRow(): Record<string, number> {
    if (!this.#cpu) return {};
    const { user, system } = process.cpuUsage(this.#lastUsage);
    const now = performance.now();
    const milliseconds = Math.max(now - this.#lastTime, 1e-3);
    this.#lastUsage = process.cpuUsage();
    this.#lastTime = now;
    return { 'device/cpu_percent': (user + system) / 10 / milliseconds };
  }
}

function memory(): Record<string, number> {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const { numTensors, numBytes } = tf.memory();
  return {
    'device/rss_mb': rss / MEGABYTE,
    'device/heap_used_mb': heapUsed / MEGABYTE,
    'device/external_mb': external / MEGABYTE,
    'device/array_buffers_mb': arrayBuffers / MEGABYTE,
    'device/tensor_mb': numBytes / MEGABYTE,
    'device/tensors': numTensors,
  };
}
