/** The part of a dry run that looks at monitors: who watches which metric, and who might log it. */
import * as builtIn from '../callbacks/index.ts';
import { monitorOf } from '../callbacks/monitor.ts';
import type { Callback } from '../core/contracts.ts';
import { HOOK_NAMES, HOOKS, hookMethod } from '../core/hooks.ts';
import { nearest } from '../core/options.ts';
import type { CheckProbe } from './check-probe.ts';
import type { CheckProblem } from './check-report.ts';

/**
 * Metrics that are watched and never come. A dry run calls no callbacks, so that what these log is known by what they say
 * of it (`metricNames`); where one says nothing and may log, a metric that the module does not log is a warning only.
 */
export function missingMonitors({ metrics, monitors }: CheckProbe, callbacks: readonly Callback[]): CheckProblem[] {
  const logged = [...new Set([...metrics.train, ...metrics.validate])];
  const declared = metricsOfCallbacks(callbacks);
  const watched = callbacks.flatMap((callback) => {
    const monitor = monitorOf(callback);
    return monitor === undefined ? [] : [{ owner: callback.constructor.name, monitor, strict: true, callback }];
  });
  const comes = (monitor: string): boolean =>
    logged.includes(monitor) || declared.some((name) => stands(name, monitor));
  const missing = [...watched, ...monitors.map((each) => ({ ...each, callback: undefined }))];
  return missing
    .filter(({ monitor }) => !comes(monitor))
    .map(({ owner, monitor, strict, callback }) => {
      const silent = callbacks.filter((each) => each !== callback && mayLog(each)).map(nameOf);
      return silent.length > 0 ? perhapsMissing(owner, monitor, silent) : surelyMissing(owner, monitor, strict, logged);
    });
}

/** The names of what callbacks say that they log. */
export function metricsOfCallbacks(callbacks: readonly Callback[]): string[] {
  return [...new Set(callbacks.flatMap((callback) => callback.metricNames ?? []))];
}

const nameOf = (callback: Callback): string =>
  callback.constructor === Object ? 'a callback without a class' : callback.constructor.name;

const stands = (name: string, metric: string): boolean =>
  name.endsWith('*') ? metric.startsWith(name.slice(0, -1)) : name === metric;

/** Kelvin's own say what they log, but for those that are made of the user's functions. */
const OPEN: readonly unknown[] = [builtIn.LambdaCallback, builtIn.OutputCollector];
const KELVINS: ReadonlySet<unknown> = new Set(Object.values<unknown>(builtIn).filter((value) => !OPEN.includes(value)));

/** A callback of somebody else that has a hook in which metrics can be logged, and does not say which it logs. */
function mayLog(callback: Callback): boolean {
  if (callback.metricNames !== undefined || KELVINS.has(callback.constructor)) return false;
  return HOOK_NAMES.some(
    (hook) => HOOKS[hook].log !== 'never' && (callback as Record<string, unknown>)[hookMethod(hook)] !== undefined,
  );
}

function surelyMissing(owner: string, monitor: string, strict: boolean, logged: readonly string[]): CheckProblem {
  const near = nearest(monitor, logged);
  const hint = near === undefined ? `logged are: ${logged.join(', ') || 'none'}` : `did you mean \`${near}\`?`;
  const message = `${owner} watches \`${monitor}\`, which nobody logs; ${hint}`;
  return { severity: strict ? 'error' : 'warning', code: 'missing-monitor', message };
}

function perhapsMissing(owner: string, monitor: string, silent: readonly string[]): CheckProblem {
  const message =
    `${owner} watches \`${monitor}\`, which the module does not log; if ${silent.join(' or ')} does, ` +
    `have it say so: \`metricNames = ['${monitor}']\``;
  return { severity: 'warning', code: 'missing-monitor', message };
}
