/**
 * Asks for loaders: those given to the trainer's method, else the data module's, else the module's own; and again every
 * `reloadDataloadersEveryNEpochs`.
 */
import type { RunStage } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import type { RandomState } from '../core/random.ts';
import { globalRandom } from '../core/seed.ts';
import type { LightningDataModule } from '../module/data-module.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { ResolvedData } from './inputs.ts';
import { type BatchSource, emptyLoader, evaluationSources, trainingSource } from './loaders.ts';
import type { Session } from './session.ts';
import { checkValidationSchedule } from './validation-schedule.ts';

/** What loaders are for. */
export type LoaderKind = 'train' | 'val' | 'test' | 'predict';

/** When and how the loaders of a fit were asked for: a resumed run asks for the same ones. */
export interface LoaderRequest {
  readonly epoch: number;
  readonly random: RandomState;
  readonly validationFirst: boolean;
}

const METHODS = {
  train: 'trainDataloader',
  val: 'valDataloader',
  test: 'testDataloader',
  predict: 'predictDataloader',
} as const satisfies Record<LoaderKind, keyof LightningDataModule>;

const KINDS = { fit: 'train', validate: 'val', test: 'test', predict: 'predict' } as const satisfies Record<
  RunStage,
  LoaderKind
>;

/**
 * Asks for the loaders of a fit, those of validation first when the sanity check needs them first. With `repeated`, as it
 * was done in the run that is resumed: in the same epoch, with the same random numbers.
 *
 * @throws ConfigError `missing-loader`, `missing-step`, and those of limits and cadences; DataError `empty-loader`
 */
export async function requestLoaders(session: Session, repeated?: LoaderRequest): Promise<void> {
  const { options, progress } = session;
  const { epoch } = progress;
  const random = globalRandom().state();
  const request = repeated ?? {
    epoch,
    random,
    validationFirst: session.train === undefined && options.numSanityValSteps !== 0,
  };
  session.loaderRequest = request;
  try {
    if (repeated !== undefined) {
      globalRandom().restore(request.random);
      progress.epoch = request.epoch;
    }
    if (request.validationFirst) session.val = await validationSources(session);
    session.train = trainingSource(await loadersFor(session, 'train'), options.limitTrainBatches);
    if (!request.validationFirst) session.val = await validationSources(session);
  } finally {
    progress.epoch = epoch;
    if (repeated !== undefined) globalRandom().restore(random);
  }
  if (session.train.loader.length === 0) throw emptyLoader(session.train, 0);
  if (session.val.length > 0) checkValidationSchedule(options, session.train.count);
}

/** Asks for the loaders anew when it is time to. */
export async function reloadWhenDue(session: Session): Promise<void> {
  const { options, progress, loaderRequest } = session;
  const every = options.reloadDataloadersEveryNEpochs;
  if (every === 0 || progress.epochBatch > 0) return;
  if (progress.epoch - (loaderRequest?.epoch ?? 0) >= every) await requestLoaders(session);
}

/** Asks for the loaders of `validate`, `test` or `predict`. */
export async function requestEvaluationLoaders(session: Session): Promise<void> {
  const { stage, options } = session;
  const limits = { fit: 'limitTrainBatches', validate: 'limitValBatches', test: 'limitTestBatches' } as const;
  const limit = stage === 'predict' ? 'limitPredictBatches' : limits[stage];
  session.evaluation = evaluationSources(stage, await loadersFor(session, KINDS[stage]), limit, options[limit]);
}

/** Whether there is somebody to ask for the loaders of a stage. */
export function hasLoaders(stage: RunStage, data: ResolvedData, module: LightningModule<never>): boolean {
  const kind = KINDS[stage];
  return data.loaders[kind] !== undefined || data.datamodule !== undefined || module[METHODS[kind]] !== undefined;
}

/**
 * The error for a stage without loaders.
 *
 * @param expected what was looked for
 */
export function missingLoader(stage: RunStage, expected: string): ConfigError {
  const method = METHODS[KINDS[stage]];
  return new ConfigError(`trainer.${stage}`, {
    code: 'missing-loader',
    expected,
    got: 'none',
    help: `give it to \`trainer.${stage}\`, or return it from \`${method}\` of the module or of a data module`,
  });
}

async function validationSources(session: Session): Promise<BatchSource[]> {
  const { module, data, options } = session;
  const sources = evaluationSources(
    'val',
    await loadersFor(session, 'val'),
    'limitValBatches',
    options.limitValBatches,
  );
  if (sources.length > 0 && data.loaders.val !== undefined && module.validationStep === undefined) {
    throw withoutValidationStep(module.constructor.name);
  }
  return sources;
}

async function loadersFor(session: Session, kind: LoaderKind): Promise<unknown> {
  const { data, module, stage } = session;
  const method = METHODS[kind];
  const loaders = data.loaders[kind] ?? (await data.datamodule?.[method]()) ?? (await module[method]?.());
  if (loaders !== undefined && loaders !== null) return loaders;
  if (kind === 'val' && stage === 'fit') return undefined;
  throw missingLoader(stage, data.datamodule ? `a data module with \`${method}\`` : `a ${kind} loader`);
}

function withoutValidationStep(moduleName: string): ConfigError {
  return new ConfigError('trainer.fit', {
    code: 'missing-step',
    expected: `${moduleName} to have \`validationStep\`, since there is a validation loader`,
    got: 'a module without it',
    help: 'add `validationStep(batch, batchIdx)` and log its metrics there, or leave out the loader',
  });
}
