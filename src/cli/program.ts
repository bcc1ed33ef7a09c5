/** The program `kelvin`: its commands, and `run`, which a process or a test calls. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { buildCommand, type CommandSpec } from './command.ts';
import { DISTILLATION } from './distillation-options.ts';
import { EXIT, type ExitCode, exitWith } from './exit.ts';
import type { Io } from './io.ts';
import type { OptionGroup } from './option.ts';
import {
  DATA,
  EVALUATION,
  GENERAL,
  MODEL,
  MODULE,
  OUTPUT,
  PREDICTIONS,
  PROFILING,
  RESUME,
  RESUME_DISTILLATION,
  SUMMARY,
  TRAINER,
} from './options.ts';
import { BOARD, NATIVE } from './tool-options.ts';
import { LEARNING, METRICS } from './uneven-options.ts';

const define = <const G extends readonly OptionGroup[]>(spec: CommandSpec<G>): CommandSpec<G> => spec;

// What a command does is loaded when it runs: help needs no engine.
const fit = define({
  name: 'fit',
  about: 'Train a model, with checkpoints and TensorBoard files.',
  groups: [DATA, MODEL, LEARNING, METRICS, MODULE, TRAINER, OUTPUT, RESUME, PROFILING, GENERAL],
  examples: [
    'kelvin fit',
    'kelvin fit --data digits --hidden 800,800 --dropout 0.3 --max-epochs 20',
    'kelvin fit --data csv:train.csv --images train_images --label diagnosis --class-weights balanced --augment flip,rotate',
    'kelvin fit --module ./my-model.js --hparams lr=0.01 --config run.yaml',
  ],
  run: async (settings, context) => (await import('./commands/fit.ts')).fit(settings, context),
});

const check = define({
  name: 'check',
  about: 'Try a training without doing it: shapes, metrics, steps, mistakes.',
  groups: [DATA, MODEL, LEARNING, METRICS, MODULE, TRAINER, OUTPUT, GENERAL],
  examples: ['kelvin check --data digits --hidden 800,800', 'kelvin check --module ./my-model.js --config run.yaml'],
  run: async (settings, context) => (await import('./commands/check.ts')).check(settings, context),
});

const validate = define({
  name: 'validate',
  about: 'Measure a checkpoint on the validation images.',
  groups: [EVALUATION, METRICS, DATA, MODULE, PROFILING, GENERAL],
  examples: ['kelvin validate --ckpt runs/fit/version_0/checkpoints/last.ckpt'],
  run: async (settings, context) => (await import('./commands/evaluate.ts')).evaluate('validate', settings, context),
});

const test = define({
  name: 'test',
  about: 'Measure a checkpoint on the test images.',
  groups: [EVALUATION, METRICS, DATA, MODULE, PROFILING, GENERAL],
  examples: ['kelvin test --ckpt runs/fit/version_0/checkpoints/last.ckpt'],
  run: async (settings, context) => (await import('./commands/evaluate.ts')).evaluate('test', settings, context),
});

const predict = define({
  name: 'predict',
  about: 'Predict the test images with a checkpoint, as csv.',
  groups: [PREDICTIONS, EVALUATION, DATA, MODULE, PROFILING, GENERAL],
  examples: ['kelvin predict --ckpt runs/fit/version_0/checkpoints/last.ckpt --out predictions.csv'],
  run: async (settings, context) => (await import('./commands/predict.ts')).predict(settings, context),
});

const distill = define({
  name: 'distill',
  about: 'Train a small student from a large teacher, and compare the two.',
  groups: [DISTILLATION, DATA, MODEL, LEARNING, METRICS, TRAINER, OUTPUT, RESUME_DISTILLATION, PROFILING, GENERAL],
  defaults: { hidden: [48], learningRate: 2e-3, maxEpochs: 20 },
  examples: [
    'kelvin distill --teacher runs/fit/version_0/checkpoints/last.ckpt --hidden 32',
    'kelvin distill --data digits --baseline --seeds 3',
    'kelvin distill --data digits --augment crop --mixup 1 --alpha 1 --temperature 1 --max-epochs 100',
    'kelvin distill --data digits --sweep size',
  ],
  run: async (settings, context) => (await import('./commands/distill.ts')).distill(settings, context),
});

const devices = define({
  name: 'devices',
  about: 'Show which engines can compute here, which one is used, and what the others lack.',
  groups: [GENERAL],
  examples: ['kelvin devices'],
  run: async (settings, context) => (await import('./commands/devices.ts')).devices(settings, context),
});

const native = define({
  name: 'native',
  about: 'Build native TensorFlow for this machine, show what is built, or remove it.',
  argument: 'action',
  groups: [NATIVE],
  examples: ['kelvin native install', 'kelvin native install --gpu', 'kelvin native status', 'kelvin native remove'],
  run: async (settings, context) => (await import('./commands/native.ts')).native(settings, context),
});

const summary = define({
  name: 'summary',
  about: 'Show the parts of a model and their parameters.',
  groups: [SUMMARY, MODEL, MODULE, GENERAL],
  examples: ['kelvin summary --model cnn --channels 16,32,64', 'kelvin summary --ckpt last.ckpt'],
  run: async (settings, context) => (await import('./commands/summary.ts')).summary(settings, context),
});

const board = define({
  name: 'board',
  about: 'Show runs: in TensorBoard where Python has it, else on a page of its own.',
  argument: 'dir',
  groups: [BOARD],
  examples: ['kelvin board', 'kelvin board runs/mnist --port 0', 'kelvin board --builtin'],
  run: async (settings, context) => (await import('./commands/board.ts')).board(settings, context),
});

/**
 * Runs the program.
 *
 * @param argv the arguments, without node and script
 * @returns 0 done, 1 failed, 2 wrong use, 130 interrupted
 *
 * @example
 * ```ts
 * process.exitCode = await run(process.argv.slice(2), process);
 * ```
 */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const onExit = (exit: ExitCode): void => {
    code = exit;
  };
  const program = new Command('kelvin')
    .description('Train and distil neural networks with TensorFlow.js.')
    .version(version(), '--version', 'print the version')
    .addHelpText(
      'after',
      '\nStart here:\n  $ kelvin devices\n  $ kelvin fit --data digits\n  $ kelvin <command> --help',
    );
  for (const build of [fit, check, validate, test, predict, distill, devices, native, summary, board]) {
    program.addCommand(buildCommand(build as unknown as CommandSpec<readonly OptionGroup[]>, io, onExit));
  }
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    const { KELVIN_DEBUG } = process.env;
    const debug =
      argv.includes('--debug') || (KELVIN_DEBUG !== undefined && KELVIN_DEBUG !== '0' && KELVIN_DEBUG !== '');
    return exitWith(error, io, { debug });
  }
}

function version(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}
