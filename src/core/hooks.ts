/**
 * The one table of hooks, in the order in which a run calls them. The `Callback` interface, the module's hooks and the
 * events of `trainer.on` are derived from it: an entry `trainBatchEnd` is the method `onTrainBatchEnd` of callbacks and
 * modules and the event `'trainBatchEnd'` of the emitter (`setup` and `teardown` keep their plain names).
 *
 * Validation within fit has a randomness of its own, so that training does not depend on it.
 * Within one hook callbacks come first, in the order given, checkpoint callbacks last; then the module. At
 * `trainEpochEnd` the callbacks that judge what the module logs there (early stopping, checkpoints) come after it, and
 * checkpoint callbacks do so at `trainBatchEnd` and `validationEnd` as well: a checkpoint has in it what the module did.
 *
 * ```text
 * fit:  prepareData > setup > configureModel > (restore weights, callbacks) > configureOptimizers > fitStart
 *       sanityCheckStart > VALIDATION of a few batches, with its own randomness > sanityCheckEnd
 *       trainStart
 *       for each epoch:
 *         trainEpochStart
 *         for each batch:
 *           trainBatchStart
 *           forward: module.trainingStep           inside the forward pass, when an accumulation window opens: beforeZeroGrad
 *           beforeBackward > (backward) > afterBackward
 *           when the accumulation window closes:
 *             beforeOptimizerStep (gradients not yet clipped) > module.configureGradientClipping > module.optimizerStep
 *             schedulers of interval 'step'
 *           schedulers of interval 'batch'; after the last batch those of interval 'epoch'
 *           trainBatchEnd > a row for the loggers, when due
 *           after the last batch, or the one at which the epoch is broken off: trainBatchesEnd
 *           VALIDATION, when due > schedulers of interval 'validation'
 *         trainEpochEnd; within it, before the checkpoint callbacks: schedulers that wait for a metric, a row for the loggers
 *       trainEnd > fitEnd > teardown
 * VALIDATION (test is the same under its own name):
 *       validationModelEval > (evaluation mode) > validationStart > validationEpochStart
 *         for each batch: validationBatchStart > module.validationStep > validationBatchEnd
 *       validationEpochEnd > a row for the loggers > validationEnd > (the modes there were) > validationModelTrain
 * predict: as validation, with module.predictStep and nothing logged
 * any time: saveCheckpoint and loadCheckpoint around a checkpoint; interrupt after Ctrl-C; exception when something threw
 * ```
 */
import type { Checkpoint, Gradients, OptimizerLike, RunStage, StepOutput } from './contracts.ts';
import type * as tf from './tf.ts';

/** How values logged in a hook are treated by default: see {@link LOG_RULES}. */
export type LogRule = 'perStep' | 'perBatch' | 'perEpoch' | 'never';

/** What each {@link LogRule} means: the defaults of `onStep` and `onEpoch`, and whether `onStep` may be asked for. */
export const LOG_RULES = {
  /** Training steps: the value of the step, by default. */
  perStep: { onStep: true, onEpoch: false, stepAllowed: true },
  /** Evaluation batches: the mean over the epoch, by default. */
  perBatch: { onStep: false, onEpoch: true, stepAllowed: true },
  /** Once an epoch: there is no step to log. */
  perEpoch: { onStep: false, onEpoch: true, stepAllowed: false },
  /** Nothing can be logged here. */
  never: undefined,
} as const satisfies Record<LogRule, { onStep: boolean; onEpoch: boolean; stepAllowed: boolean } | undefined>;

/** One row of the table. `args` exists for the types alone. */
export interface HookSpec<
  Args extends readonly unknown[],
  Receivers extends 'C' | 'CM' | 'M' = 'C' | 'CM' | 'M',
  Synchronous extends boolean = boolean,
> {
  /** Who is called: callbacks (C), the module (M), or both. */
  readonly receivers: Receivers;
  readonly log: LogRule;
  /** Called inside the forward pass, where nothing can be awaited. */
  readonly synchronous: Synchronous;
  readonly args?: Args;
}

function hook(receivers: 'C'): HookSpec<[], 'C', false>;
function hook(receivers: 'M'): HookSpec<[], 'M', false>;
function hook<A extends readonly unknown[] = []>(receivers: 'CM', log?: LogRule): HookSpec<A, 'CM', false>;
function hook<A extends readonly unknown[] = []>(
  receivers: 'CM',
  log: LogRule,
  options: { synchronous: true },
): HookSpec<A, 'CM', true>;
function hook(
  receivers: 'C' | 'CM' | 'M',
  log: LogRule = 'never',
  { synchronous = false }: { synchronous?: boolean } = {},
): HookSpec<[]> {
  return { receivers, log, synchronous };
}

declare const batchOfRun: unique symbol;
/** Stands in the table for the batch of the run, whatever its type. */
interface Batch {
  readonly [batchOfRun]: never;
}

type Evaluated = [outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number];
type Evaluating = [batch: Batch, batchIdx: number, dataloaderIdx: number];

/** The table. */
export const HOOKS = {
  setup: hook<[stage: RunStage]>('CM'),
  fitStart: hook('CM'),
  sanityCheckStart: hook('C'),
  sanityCheckEnd: hook('C'),
  trainStart: hook('CM', 'perEpoch'),
  trainEpochStart: hook('CM', 'perEpoch'),
  trainBatchStart: hook<[batch: Batch, batchIdx: number]>('CM', 'perStep'),
  beforeZeroGrad: hook<[optimizer: OptimizerLike]>('CM', 'perStep', { synchronous: true }),
  beforeBackward: hook<[loss: tf.Scalar]>('CM', 'perStep', { synchronous: true }),
  afterBackward: hook('CM', 'perStep'),
  beforeOptimizerStep: hook<[optimizer: OptimizerLike, gradients: Gradients]>('CM', 'perStep'),
  trainBatchEnd: hook<[outputs: StepOutput, batch: Batch, batchIdx: number]>('CM', 'perStep'),
  trainBatchesEnd: hook('CM', 'perEpoch'),
  validationModelEval: hook('M'),
  validationStart: hook('CM', 'perEpoch'),
  validationEpochStart: hook('CM', 'perEpoch'),
  validationBatchStart: hook<Evaluating>('CM', 'perBatch'),
  validationBatchEnd: hook<Evaluated>('CM', 'perBatch'),
  validationEpochEnd: hook('CM', 'perEpoch'),
  validationEnd: hook('CM'),
  validationModelTrain: hook('M'),
  trainEpochEnd: hook('CM', 'perEpoch'),
  trainEnd: hook('CM'),
  fitEnd: hook('CM'),
  testModelEval: hook('M'),
  testStart: hook('CM', 'perEpoch'),
  testEpochStart: hook('CM', 'perEpoch'),
  testBatchStart: hook<Evaluating>('CM', 'perBatch'),
  testBatchEnd: hook<Evaluated>('CM', 'perBatch'),
  testEpochEnd: hook('CM', 'perEpoch'),
  testEnd: hook('CM'),
  testModelTrain: hook('M'),
  predictModelEval: hook('M'),
  predictStart: hook('CM'),
  predictEpochStart: hook('CM'),
  predictBatchStart: hook<Evaluating>('CM'),
  predictBatchEnd: hook<Evaluated>('CM'),
  predictEpochEnd: hook('CM'),
  predictEnd: hook('CM'),
  predictModelTrain: hook('M'),
  saveCheckpoint: hook<[checkpoint: Checkpoint]>('CM'),
  loadCheckpoint: hook<[checkpoint: Checkpoint]>('CM'),
  interrupt: hook('CM'),
  exception: hook<[error: unknown]>('CM'),
  teardown: hook<[stage: RunStage]>('CM'),
} as const;

/** The name of a hook, which is also the name of its event. */
export type HookName = keyof typeof HOOKS;

type WithBatch<Args, B> = { [I in keyof Args]: Args[I] extends Batch ? B : Args[I] };

/** The arguments of a hook, with batches of type `B`. */
export type HookArgs<K extends HookName, B = unknown> =
  (typeof HOOKS)[K] extends HookSpec<infer Args> ? Extract<WithBatch<Args, B>, readonly unknown[]> : never;

/** The method that carries a hook: `trainBatchEnd` is `onTrainBatchEnd`; `setup` and `teardown` keep their names. */
export type HookMethod<K extends HookName> = K extends 'setup' | 'teardown' ? K : `on${Capitalize<K>}`;

/** What a hook may return. In `onTrainBatchStart`, `-1` ends the epoch before the batch is trained on. */
export type HookReturn<K extends HookName> = K extends 'trainBatchStart'
  ? void | -1 | Promise<void | -1>
  : (typeof HOOKS)[K]['synchronous'] extends true
    ? void
    : void | Promise<void>;

/** The names of all hooks, in calling order. */
export const HOOK_NAMES = Object.keys(HOOKS) as readonly HookName[];

/** The method name of a hook. */
export function hookMethod<K extends HookName>(name: K): HookMethod<K> {
  const method = name === 'setup' || name === 'teardown' ? name : `on${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return method as HookMethod<K>;
}

type ForModule<K extends HookName> = (typeof HOOKS)[K]['receivers'] extends 'C' ? never : K;
type ForCallback<K extends HookName> = (typeof HOOKS)[K]['receivers'] extends 'M' ? never : K;

/** The hooks that a module may implement. */
export type ModuleHooks = {
  [K in HookName as HookMethod<ForModule<K>>]?: (...args: HookArgs<ForModule<K>>) => HookReturn<K>;
};

/** A method, so that who implements it may say more of the module and the batch than is known here. */
export type HookFunctionOf<T, M, Args extends readonly unknown[], R> = {
  method(trainer: T, module: M, ...args: Args): R;
}['method'];

/** The hooks that a callback may implement: as the module's, with the trainer and the module in front. */
export type CallbackHooks<T, M, B = unknown> = {
  [K in HookName as HookMethod<ForCallback<K>>]?: HookFunctionOf<T, M, HookArgs<ForCallback<K>, B>, HookReturn<K>>;
};

/** The module's other methods, as far as `log()` goes: they follow the rule of the hooks around them. */
const STEP_RULES = {
  trainingStep: 'perStep',
  validationStep: 'perBatch',
  testStep: 'perBatch',
  predictStep: 'never',
  configureGradientClipping: 'perStep',
  optimizerStep: 'perStep',
} as const satisfies Record<string, LogRule>;

/** Where `log()` may be called from: a hook or a step. */
export type LogHook = HookName | keyof typeof STEP_RULES;

/** The rule that `log()` follows in a hook or step. */
export function logRule(hook: LogHook): LogRule {
  return hook in STEP_RULES ? STEP_RULES[hook as keyof typeof STEP_RULES] : HOOKS[hook as HookName].log;
}
