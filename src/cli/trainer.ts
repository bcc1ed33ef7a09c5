/** The trainers of the command line: one to train, with logs and checkpoints, and a plain one to measure. */
import { ModelCheckpoint } from '../callbacks/model-checkpoint.ts';
import { ModelSummary } from '../callbacks/model-summary.ts';
import { ProgressBar } from '../callbacks/progress-bar.ts';
import type { Callback, Metrics } from '../core/contracts.ts';
import type { ProfilerLike } from '../core/profiling.ts';
import { formatTable } from '../core/table.ts';
import { TensorBoardLogger } from '../loggers/tensorboard-logger.ts';
import { ChromeTraceProfiler, SimpleProfiler } from '../profilers/index.ts';
import type { FitResult } from '../trainer/run-fit.ts';
import { Trainer } from '../trainer/trainer.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { type Io, note, say } from './io.ts';
import type {
  EvaluationSettings,
  GeneralSettings,
  OutputSettings,
  ProfilingSettings,
  TrainerSettings,
} from './settings.ts';

/** A trainer to train with, and the callback that knows where the checkpoints are. */
export interface Training {
  readonly trainer: Trainer;
  readonly checkpoints: ModelCheckpoint;
  readonly logger: TensorBoardLogger;
}

/** What {@link makeTraining} has to know besides the options. */
export interface TrainingPlan {
  /** Directory below the log directory. */
  readonly name: string;
  /** The metric that tells the best checkpoint, where there is one. */
  readonly monitor: string | undefined;
  readonly callbacks?: readonly Callback[] | undefined;
  /** Whether to print the parts of the model first. Default true. */
  readonly summary?: boolean | undefined;
}

/** Makes the trainer of `fit` and `distill`. */
export function makeTraining(
  settings: TrainerSettings & OutputSettings & GeneralSettings & Partial<ProfilingSettings>, // a dry run has none
  { name, monitor, callbacks = [], summary = true }: TrainingPlan,
  io: Io,
): Training {
  const { maxEpochs, maxSteps, maxTime, gradientClipVal, gradientClipAlgorithm, accumulateGradBatches } = settings;
  const { limitTrainBatches, limitValBatches, valCheckInterval, checkValEveryNEpoch, logEveryNSteps } = settings;
  const best = monitor === undefined ? {} : { monitor, mode: 'max' as const };
  const checkpoints = new ModelCheckpoint({ ...best, saveLast: true });
  const logger = new TensorBoardLogger(settings.logDir, { name });
  const trainer = new Trainer({
    maxEpochs,
    maxSteps,
    maxTime,
    gradientClipVal,
    gradientClipAlgorithm,
    accumulateGradBatches,
    limitTrainBatches,
    limitValBatches,
    valCheckInterval,
    checkValEveryNEpoch,
    logEveryNSteps,
    fastDevRun: settings.fastDevRun,
    profiler: makeProfiler(settings.profiler, io),
    logger,
    callbacks: [
      ...(summary ? [new ModelSummary({ stream: io.stderr })] : []),
      ...progressBar(settings, io),
      checkpoints,
      ...callbacks,
    ],
    enableModelSummary: summary,
    enableProgressBar: settings.progress,
  });
  return { trainer, checkpoints, logger };
}

/** Makes the trainer of `validate`, `test` and `predict`. */
export function makeEvaluator(
  settings: EvaluationSettings & GeneralSettings & ProfilingSettings,
  io: Io,
  callbacks: readonly Callback[] = [],
): Trainer {
  const limit = settings.limitTestBatches;
  return new Trainer({
    profiler: makeProfiler(settings.profiler, io),
    logger: false,
    enableCheckpointing: false,
    enableModelSummary: false,
    enableProgressBar: settings.progress,
    callbacks: [...progressBar(settings, io), ...callbacks],
    limitTestBatches: limit,
    limitValBatches: limit,
    limitPredictBatches: limit,
  });
}

/** The table goes where the bars go: stdout is for results. */
function makeProfiler(profiler: ProfilingSettings['profiler'], { stderr }: Io): ProfilerLike | false {
  if (profiler === undefined) return false;
  return profiler === 'simple' ? new SimpleProfiler({ stream: stderr }) : new ChromeTraceProfiler();
}

/** Says where the time line is, if one was asked for. */
export function reportProfile({ profiler }: Trainer, io: Io): void {
  if (!(profiler instanceof ChromeTraceProfiler) || profiler.path === undefined) return;
  note(io, `Time line: ${profiler.path}   (open it at https://ui.perfetto.dev)`);
}

function progressBar({ progress }: GeneralSettings, { stderr }: Io): Callback[] {
  return progress ? [new ProgressBar({ stream: stderr, leave: false })] : [];
}

/** Says how a training ended and where everything is; after Ctrl-C, the command that goes on. */
export function reportTraining(
  { trainer, checkpoints }: Training,
  result: FitResult,
  { logDir, resumeWith }: { logDir: string; resumeWith: (last: string) => string },
  io: Io,
): ExitCode {
  const last = checkpoints.lastModelPath;
  reportProfile(trainer, io);
  if (result.status === 'interrupted') {
    note(io, 'Interrupted.');
    if (last !== '') note(io, `Saved: ${last}`);
    if (last !== '') note(io, `Go on with: ${resumeWith(last)}`);
    return EXIT.interrupted;
  }
  say(io, `Trained ${result.epochs} epochs, ${result.steps} steps.`);
  printMetrics(result.metrics, io);
  if (trainer.fastDevRun) return EXIT.done;
  const { bestModelPath } = checkpoints;
  say(io, `Logs:        ${trainer.logDir}`, `Checkpoints: ${checkpoints.dirPath}`);
  if (bestModelPath !== '' && bestModelPath !== last) say(io, `  best       ${bestModelPath}`);
  if (last !== '') say(io, `  last       ${last}`);
  say(io, `TensorBoard: tensorboard --logdir ${logDir}   (pip install tensorboard, if it is not there)`);
  return EXIT.done;
}

/** Prints metrics, one per line. */
export function printMetrics(metrics: Metrics, io: Io): void {
  const rows = Object.entries(metrics).map(([name, value]) => [
    name,
    Number.isInteger(value) ? `${value}` : value.toPrecision(4),
  ]);
  if (rows.length > 0) say(io, formatTable(['metric', 'value'], rows));
}
