/** What a dry run finds fault with. */
import { KelvinError, messageOf } from '../core/errors.ts';
import { isPlainObject } from '../core/tensors.ts';
import { CombinedLoader } from '../data/combined-loader.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { CheckProbe } from './check-probe.ts';
import type { CheckProblem } from './check-report.ts';

/** The problem behind what the dry run has thrown. */
export function thrown(error: unknown): CheckProblem {
  const code = error instanceof KelvinError ? error.code : 'run-failed';
  return { severity: 'error', code, message: messageOf(error), error };
}

/** Names of metrics that two stages share. */
export function sharedNames({ metrics }: CheckProbe): CheckProblem[] {
  const shared = metrics.validate.filter((name) => metrics.train.includes(name));
  return shared.map((name): CheckProblem => {
    const message = `\`${name}\` is logged in training and in validation: who watches it sees the one or the other`;
    return { severity: 'warning', code: 'shared-metric-name', message };
  });
}

/** Parameters of the optimizer that have got no gradient, by their names in the module. */
export function unusedParameters({ optimized, withGradient }: CheckProbe, module: LightningModule<never>): string[] {
  return module
    .foundVariables()
    .filter(({ variable }) => optimized.has(variable) && !withGradient.has(variable.name))
    .map(({ name }) => name);
}

/** The problem of parameters that the optimizer has and the loss does not know. */
export function unusedProblem(names: readonly string[]): CheckProblem[] {
  if (names.length === 0) return [];
  const message = `the loss does not depend on ${names.map((name) => `\`${name}\``).join(', ')}, which the optimizer has`;
  return [{ severity: 'warning', code: 'unused-parameters', message }];
}

/** Trainable parameters that no optimizer has. */
export function forgottenProblem({ optimized }: CheckProbe, module: LightningModule<never>): CheckProblem[] {
  const names = module.foundVariables().filter(({ trainable, variable }) => trainable && !optimized.has(variable));
  if (names.length === 0 || optimized.size === 0) return [];
  const message = `no optimizer has ${names.map(({ name }) => `\`${name}\``).join(', ')}: freeze them, or hand them to one`;
  return [{ severity: 'warning', code: 'parameters-without-optimizer', message }];
}

/** A loader that can be walked through only once: to look at its batches would be to use them up. */
export function oneShotProblem(loaders: readonly object[]): CheckProblem | undefined {
  if (!loaders.some((loader) => typeof (loader as { next?: unknown }).next === 'function')) return undefined;
  const message =
    'a loader can be walked through only once (a generator object): a second epoch would find it empty. ' +
    'Give an object whose [Symbol.iterator] starts anew';
  return { severity: 'error', code: 'one-shot-loader', message };
}

/** Everything that can be iterated over in what `fit` is given, members of combined loaders included. */
export function loadersIn(data: unknown): object[] {
  if (typeof data !== 'object' || data === null) return [];
  if (data instanceof CombinedLoader) return [data, ...loadersIn(data.loaders)];
  const isLoader = !Array.isArray(data) && (Symbol.iterator in data || Symbol.asyncIterator in data);
  if (isLoader) return [data];
  if (Array.isArray(data)) return data.every((item) => loadersIn(item).length > 0) ? data.flatMap(loadersIn) : [];
  return isPlainObject(data) ? Object.values(data).flatMap(loadersIn) : [];
}

interface Positioned {
  state(): { epoch: number; batch: number; seed: number };
  loadState(state: { epoch: number; batch: number; seed: number }): void;
}

/** Notes where the loaders are. Returns what puts them back there. */
export function rememberPositions(loaders: readonly object[]): () => void {
  const positioned = loaders.filter(
    (loader): loader is Positioned =>
      typeof (loader as Partial<Positioned>).state === 'function' &&
      typeof (loader as Partial<Positioned>).loadState === 'function',
  );
  const states = positioned.map((loader) => loader.state());
  return () => {
    for (const [i, loader] of positioned.entries()) loader.loadState(states[i] as ReturnType<Positioned['state']>);
  };
}
