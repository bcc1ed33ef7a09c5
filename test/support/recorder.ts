/** Records every hook that is called, by callbacks (U, K) and the module (M), in the manner of Lightning's traces. */
import {
  type Callback,
  HOOK_NAMES,
  HOOKS,
  hookMethod,
  type LoggerLike,
  Trainer,
  type TrainerOptions,
  type TrainerView,
} from 'kelvin';
import { BoringModule, bare } from './boring.ts';

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** A callback that notes each hook under a letter. */
export function recordingCallback(trace: string[], letter: string, extra: Partial<Callback> = {}): Callback {
  const methods: Methods = {};
  for (const name of HOOK_NAMES) {
    if (HOOKS[name].receivers === 'M') continue;
    methods[hookMethod(name)] = () => {
      trace.push(`${letter}.${name}`);
    };
  }
  return Object.assign(methods, extra) as Callback;
}

/** A module that notes its hooks and steps. */
export function recordingModule(trace: string[]): BoringModule {
  const module = new BoringModule();
  const methods = module as unknown as Methods;
  for (const name of HOOK_NAMES) {
    if (HOOKS[name].receivers === 'C') continue;
    methods[hookMethod(name)] = () => {
      trace.push(`M.${name}`);
    };
  }
  const steps = [
    'trainingStep',
    'validationStep',
    'testStep',
    'predictStep',
    'configureOptimizers',
    'configureCallbacks',
    'configureModel',
    'configureGradientClipping',
    'optimizerStep',
    'lrSchedulerStep',
  ];
  for (const step of steps) {
    const own = methods[step];
    methods[step] = (...args: unknown[]) => {
      trace.push(`M.${step}`);
      return own?.apply(module, args) ?? (step === 'configureCallbacks' ? [] : undefined);
    };
  }
  return module;
}

/** A logger that notes the rows it gets. */
export function recordingLogger(trace: string[]): LoggerLike {
  return {
    logMetrics: (metrics, step) => {
      trace.push(`L.log(${step}: ${Object.keys(metrics).sort().join(' ')})`);
    },
    finalize: (status) => {
      trace.push(`L.finalize(${status})`);
    },
  };
}

/** A trainer, a module and a logger that note everything; its callbacks are given as [K, U], a checkpoint's first. */
export function recorded(
  options: TrainerOptions = {},
  extra: (letter: 'K' | 'U', trace: string[]) => Partial<Callback> = () => ({}),
) {
  const trace: string[] = [];
  const module = recordingModule(trace);
  const checkpoint = recordingCallback(trace, 'K', { role: 'checkpoint', ...extra('K', trace) });
  const trainer = new Trainer({
    ...bare,
    barebones: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: [checkpoint, recordingCallback(trace, 'U', extra('U', trace))],
    logger: recordingLogger(trace),
    logEveryNSteps: 1,
    ...options,
  });
  return { trace, module, trainer };
}

/** The trace with runs of the same hook by several receivers joined: `U/K/M.fitStart`. */
export function joined(trace: readonly string[]): string[] {
  const lines: string[] = [];
  let previous = '';
  for (const entry of trace) {
    const dot = entry.indexOf('.');
    const [who, what] = [entry.slice(0, dot), entry.slice(dot + 1)];
    if (what === previous && who !== 'L')
      lines[lines.length - 1] = `${(lines.at(-1) as string).split('.')[0]}/${who}.${what}`;
    else lines.push(entry);
    previous = what;
  }
  return lines;
}

/** Collects `value(trainer)` at every call of one hook. */
export function collect<T>(
  hook: (typeof HOOK_NAMES)[number],
  value: (trainer: TrainerView, ...args: unknown[]) => T,
): Callback & { seen: T[] } {
  const seen: T[] = [];
  return {
    seen,
    [hookMethod(hook)]: (trainer: TrainerView, _module: unknown, ...args: unknown[]) => {
      seen.push(value(trainer, ...args));
    },
  };
}
