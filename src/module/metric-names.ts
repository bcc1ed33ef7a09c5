/** The names of metrics as types: what a module declares that it logs, and what callbacks may watch of it. */
import type { LightningModule } from './lightning-module.ts';

/**
 * The metrics that a module class declares: the second type argument of `LightningModule`. `string` when it declares none.
 *
 * @example
 * ```ts
 * class Net extends LightningModule<Batch, 'train_loss' | 'val_acc'> { … }
 * const best = new ModelCheckpoint<MetricsOf<Net>>({ monitor: 'val_acc', mode: 'max' }); // 'val_ac' does not compile
 * ```
 */
export type MetricsOf<T> = T extends LightningModule<never, infer M> ? M : string;

/** What can be watched of the metrics `M`: also the names that they get when they fork, and those of several loaders. */
export type MonitorOf<M extends string> =
  | M
  | `${M}_step`
  | `${M}_epoch`
  | `${M}${'' | '_epoch'}/dataloader_idx_${number}`;

/** The metrics that callbacks watch by a literal name, each callback on its own. */
export type WatchedBy<C> = C extends readonly (infer Each)[]
  ? WatchedBy<Each>
  : C extends { readonly monitor?: infer W }
    ? W extends string
      ? string extends W
        ? never
        : W
      : never
    : never;

/** The metrics that callbacks say in `metricNames` that they log; `'grad_norm/*'` is every name that begins so. */
export type LoggedBy<C> = C extends readonly (infer Each)[]
  ? LoggedBy<Each>
  : C extends { readonly metricNames?: infer L }
    ? L extends readonly (infer N extends string)[]
      ? N extends `${infer Start}*`
        ? `${Start}${string}`
        : N
      : never
    : never;

/** What is watched and never logged. */
type Missing<C, M extends string> = Exclude<WatchedBy<C>, MonitorOf<M | LoggedBy<C>>>;

/** What a module must fulfil beside its type so that all callbacks of `C` can find what they watch. */
export type Watchable<C, M extends string> = [Missing<C, M>] extends [never]
  ? unknown
  : { readonly 'a callback watches a metric that the module does not declare': Missing<C, M> };
