/** What `trainer.check` finds out, and how it is told. */
import { formatTable } from '../core/table.ts';
import { isPlainObject } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { ScheduleInterval } from '../module/optimizer-config.ts';

/** Something that is wrong, or looks as if it were. */
export interface CheckProblem {
  /** `'error'`: training would fail, or never do what was asked for. */
  readonly severity: 'error' | 'warning';
  /** Stable name of the mistake: `'missing-monitor'`, `'unused-parameters'`, or that of the error that was thrown. */
  readonly code: string;
  readonly message: string;
  /** What was thrown, if something was. */
  readonly error?: unknown;
}

/** One loader and its first batch. */
export interface CheckedLoader {
  /** `'train'`, `'val'`, `'val[1]'`. */
  readonly name: string;
  /** Batches of an epoch; `Infinity` when the loader does not know. */
  readonly batches: number;
  /** What a batch holds, by path: `{ x: 'float32 [32, 28, 28, 1]', y: 'int32 [32]' }`. Empty when none came. */
  readonly batch: Readonly<Record<string, string>>;
  /** What the step returned for it. */
  readonly output: Readonly<Record<string, string>>;
}

/** What a dry run has found. */
export interface CheckReport {
  /** No problem is an error. */
  readonly ok: boolean;
  readonly loaders: readonly CheckedLoader[];
  /** Names that callbacks can watch, by stage. */
  readonly metrics: {
    readonly train: readonly string[];
    readonly validate: readonly string[];
    /** What callbacks say that they log; `'grad_norm/*'` stands for all names that begin so. */
    readonly callbacks: readonly string[];
  };
  /** Optimizer steps, epochs and validations of the whole fit; `Infinity` where nothing limits them, NaN validations where a clock does. */
  readonly steps: number;
  readonly epochs: number;
  readonly validations: number;
  /** How often each scheduler will be stepped, by name and interval. One that waits for a metric steps as often as it comes. */
  readonly schedulers: readonly {
    readonly name: string;
    readonly interval: ScheduleInterval;
    readonly steps: number;
  }[];
  /** Parameters that the optimizer has and the loss does not depend on. */
  readonly unusedParameters: readonly string[];
  readonly problems: readonly CheckProblem[];
  /** All of it for people. */
  readonly text: string;
}

/** The tensors in a value by their path, as text. */
export function describeTensors(value: unknown, path = ''): Record<string, string> {
  if (value instanceof tf.Tensor) return { [path || '·']: `${value.dtype} [${value.shape.join(', ')}]` };
  const entries = Array.isArray(value)
    ? value.map((item, i) => [String(i), item] as const)
    : value instanceof Map
      ? [...value].map(([key, item]) => [String(key), item] as const)
      : isPlainObject(value)
        ? Object.entries(value)
        : [];
  return Object.assign(
    {},
    ...entries.map(([key, item]) => describeTensors(item, path === '' ? key : `${path}.${key}`)),
  );
}

/** The report as text. */
export function checkText(moduleName: string, report: Omit<CheckReport, 'text'>): string {
  const { loaders, metrics, schedulers, problems, steps, epochs, validations } = report;
  const rows = loaders.map(({ name, batches, batch, output }) => [name, many(batches), listed(batch), listed(output)]);
  const names = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '));
  const others = metrics.callbacks.length === 0 ? '' : `; callbacks ${names(metrics.callbacks)}`;
  return [
    `check of ${moduleName}: ${problems.length === 0 ? 'all well' : `${problems.length} to look at`}`,
    formatTable(['loader', 'batches', 'a batch', 'the step returns'], rows, ['left', 'right', 'left', 'left']),
    `metrics: training ${names(metrics.train)}; validation ${names(metrics.validate)}${others}`,
    `${many(steps)} optimizer steps in ${many(epochs)} epochs, ${many(validations)} validations`,
    ...schedulers.map((each) => `${each.name}: ${many(each.steps)} steps, one per ${each.interval}`),
    ...problems.map(({ severity, message }) => `${severity}: ${message}`),
  ].join('\n');
}

const many = (count: number): string => (Number.isFinite(count) ? String(count) : 'unlimited');
const listed = (tensors: Readonly<Record<string, string>>): string =>
  Object.entries(tensors)
    .map(([name, text]) => `${name} ${text}`)
    .join(', ');
