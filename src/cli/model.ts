/** The built-in image classifier of the command line: made from options, and rebuilt from a checkpoint that has them. */
import type { Checkpoint, JsonObject } from '../core/contracts.ts';
import { CheckpointError, show } from '../core/errors.ts';
import type * as tf from '../core/tf.ts';
import { convNet, depthwiseSeparableNet, mlp } from '../module/architectures.ts';
import { ImageClassificationModel, type ImageClassificationOptions } from '../module/image-classification-model.ts';
import type { Context } from './command.ts';
import { UsageError } from './exit.ts';
import { kebab, problem } from './option.ts';
import { MODEL } from './options.ts';
import type { ModelSettings } from './settings.ts';

const modelOptions = Object.keys(MODEL.options) as (keyof ModelSettings)[];

/** What images go in and how many classes come out. */
export interface ModelInterface {
  readonly shape: readonly number[];
  readonly classes: number;
  /** The names of the classes, where they have any. */
  readonly classNames?: readonly string[] | undefined;
  /** What classes weigh in training. */
  readonly classWeights?: readonly number[] | undefined;
  /** Of the focal loss in training. */
  readonly focalGamma?: number | undefined;
}

/** The constructor options of the built-in classifier. */
export function classifierOptions(
  settings: ModelSettings,
  { shape, classes, classWeights, focalGamma }: ModelInterface,
): ImageClassificationOptions {
  return { ...trainingOptions(settings), encoder: encoder(settings, shape), classes, classWeights, focalGamma };
}

/** Those of them that say how it is trained. */
export function trainingOptions(settings: ModelSettings): Omit<ImageClassificationOptions, 'encoder' | 'classes'> {
  const { learningRate, optimizer, weightDecay, lrSchedule, warmupSteps, labelSmoothing } = settings;
  return { learningRate, optimizer, weightDecay, lrSchedule, warmupSteps, labelSmoothing };
}

/** What a checkpoint has to hold so that {@link rebuild} can do its work. */
export function architecture(settings: ModelSettings, { shape, classNames }: ModelInterface): Record<string, unknown> {
  const { model, hidden, channels, stemStride, dropout } = settings;
  const named = classNames && { classNames: [...classNames] };
  return { model, hidden, channels, stemStride, dropout, inputs: shape, ...named };
}

/** Makes the built-in classifier. Remembers its options, so that a checkpoint can tell how to make it again. */
export function buildClassifier(settings: ModelSettings, interface_: ModelInterface): ImageClassificationModel {
  const module = new ImageClassificationModel(classifierOptions(settings, interface_));
  module.saveHyperparameters(architecture(settings, interface_));
  return module;
}

function encoder(settings: ModelSettings, shape: readonly number[]): tf.LayersModel {
  const { model, hidden, channels, stemStride, dropout } = settings;
  if (model === 'mlp') return mlp({ inputs: shape, hidden, dropout });
  const image = shape as readonly [number, number, number];
  const options = { inputs: image, channels, dropout };
  return model === 'cnn' ? convNet(options) : depthwiseSeparableNet({ ...options, stemStride });
}

/** The options that a checkpoint of the built-in classifier was made with. @throws CheckpointError `not-built-in` */
export function savedSettings(
  path: string,
  { state }: Checkpoint,
): { settings: ModelSettings; interface: ModelInterface } {
  const hparams: JsonObject = { stemStride: 1, ...(state.hparams as JsonObject | undefined) }; // older ones lack it
  const sound = modelOptions.every((name) => problem(MODEL.options[name], hparams[name]) === undefined);
  if (!sound || !Array.isArray(hparams.inputs) || typeof hparams.classes !== 'number') {
    throw new CheckpointError(`${path} does not say how its model is built`, {
      code: 'not-built-in',
      expected: 'a checkpoint of `kelvin fit` or `kelvin distill`',
      got: `one of ${show(state.module)}`,
      help: 'name the file of the module with --module',
    });
  }
  const settings = Object.fromEntries(modelOptions.map((name) => [name, hparams[name]])) as unknown as ModelSettings;
  const names = hparams.classNames as string[] | undefined;
  return { settings, interface: { shape: hparams.inputs as number[], classes: hparams.classes, classNames: names } };
}

/** Model options that contradict the checkpoint that is resumed are a mistake. */
export function checkNotContradicted(context: Context, settings: ModelSettings, saved: ModelSettings): void {
  for (const key of modelOptions) {
    if (!context.given.has(key) || JSON.stringify(settings[key]) === JSON.stringify(saved[key])) continue;
    throw new UsageError(`--${kebab(key)} contradicts the checkpoint`, {
      code: 'contradicts-checkpoint',
      expected: show(saved[key]),
      got: show(settings[key]),
      help: 'leave it out: the model is rebuilt from the checkpoint',
    });
  }
}
