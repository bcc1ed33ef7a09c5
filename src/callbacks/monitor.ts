/** What callbacks that watch a metric have in common. */
import type { Callback, Metrics } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';

/**
 * The metric that a callback watches, if it says so in a field `monitor`. The field is no part of {@link Callback}: in the
 * context of a `string` there, TypeScript would forget which literal a callback was made with.
 */
export function monitorOf(callback: Callback): string | undefined {
  const { monitor } = callback as { readonly monitor?: unknown };
  return typeof monitor === 'string' ? monitor : undefined;
}

/** The error for a metric that somebody watches and nobody has logged. */
export function missingMonitor(owner: string, monitor: string, metrics: Metrics): ConfigError {
  const available = Object.keys(metrics);
  return new ConfigError(`${owner}: the metric \`${monitor}\``, {
    code: 'missing-monitor',
    expected: 'a metric that the module logs',
    got: available.length === 0 ? 'no metrics at all' : `only ${available.map((name) => `\`${name}\``).join(', ')}`,
    help: `log it: \`this.log('${monitor}', value)\` in \`validationStep\` or \`trainingStep\``,
  });
}

/** Strictly better; NaN is worse than everything. */
export function isBetterScore(mode: 'min' | 'max', score: number, than: number | undefined): boolean {
  if (Number.isNaN(score)) return false;
  if (than === undefined || Number.isNaN(than)) return true;
  return mode === 'min' ? score < than : score > than;
}
