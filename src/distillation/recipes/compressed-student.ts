/** Builds a student of the teacher's interface that has a given share of the teacher's parameters. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, numberBetween, oneOf, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { convNet, depthwiseSeparableNet, mlp } from '../../module/architectures.ts';

/** Options of {@link compressedStudent}. */
export interface CompressedStudentOptions {
  /** Parameters of the student over those of the teacher: above 0, most often below 1. */
  ratio: number;
  /** What it is made of. Default: `'depthwise'` for images of at least 8 x 8, else `'mlp'`. */
  kind?: 'mlp' | 'cnn' | 'depthwise' | undefined;
  /** Hidden layers of an `'mlp'`, convolutions of the others. Default 2, or 3. */
  depth?: number | undefined;
  /** How far the ratio may be missed, as a share of it. Default 0.05. */
  tolerance?: number | undefined;
}

const schema = z.strictObject({
  teacher: anyThat<tf.LayersModel>('a tf.LayersModel', (value) => value instanceof tf.LayersModel),
  ratio: positiveNumber(),
  kind: oneOf('mlp', 'cnn', 'depthwise').optional(),
  depth: wholeNumber(1, 12).optional(),
  tolerance: numberBetween(0, 1).default(0.05),
});

type Kind = 'mlp' | 'cnn' | 'depthwise';

/** What goes in and how many classes come out. */
interface Interface {
  readonly inputs: readonly number[];
  readonly classes: number;
}

/**
 * A student that takes what the teacher takes and gives logits of as many classes, with `ratio` times its parameters (all of
 * them count, batch normalisation's statistics too). An `'mlp'` has layers of one width, the convolutional kinds double
 * theirs from layer to layer; the last layers are then widened until the ratio is met.
 *
 * @param teacher its input shape must be known, and its output `[batch, classes]`
 * @throws ConfigError `unreachable-ratio` when no width meets the ratio within the tolerance, with the nearest there is;
 *   `invalid-teacher` for shapes that are not known
 *
 * @example
 * ```ts
 * const student = compressedStudent(teacher, { ratio: 0.1, kind: 'depthwise' }); // ten times smaller
 * ```
 */
export function compressedStudent(teacher: tf.LayersModel, options: CompressedStudentOptions): tf.LayersModel {
  const settings = parseOptions('compressedStudent', schema, { ...options, teacher });
  const shapes = interfaceOf(teacher);
  const kind = settings.kind ?? (isImage(shapes.inputs) ? 'depthwise' : 'mlp');
  if (kind !== 'mlp' && shapes.inputs.length !== 3) throw noImage(kind, shapes.inputs);
  const depth = settings.depth ?? (kind === 'mlp' ? 2 : 3);
  const budget = settings.ratio * teacher.countParams();
  const widths = widthsFor(depth, kind === 'mlp' ? 1 : 2, budget, (w) => parametersOf(kind, w, shapes));
  const got = parametersOf(kind, widths, shapes) / teacher.countParams();
  if (Math.abs(got / settings.ratio - 1) > settings.tolerance) throw unreachable(settings.ratio, got, kind);
  return build(kind, widths, shapes);
}

/** The widths whose parameters come nearest to the budget: one scale for all, then each layer as wide as it may be. */
function widthsFor(
  depth: number,
  growth: number,
  budget: number,
  count: (widths: readonly number[]) => number,
): number[] {
  const scaled = (base: number): number[] => Array.from({ length: depth }, (_, i) => base * growth ** i);
  const base = largest((width) => count(scaled(width)) <= budget);
  const widths = scaled(base);
  for (let layer = 0; layer < depth; layer++) {
    const own = widths[layer] as number;
    const most = Math.max(
      own,
      largest((width) => count(widths.with(layer, width)) <= budget),
    );
    // The last layer takes what is left; the others keep the shape, at most half as wide again.
    widths[layer] = layer === depth - 1 ? most : Math.min(most, Math.ceil(1.5 * own));
  }
  const above = widths.with(-1, (widths.at(-1) as number) + 1);
  return Math.abs(count(above) - budget) < Math.abs(count(widths) - budget) ? above : widths;
}

/** The largest whole number for which `fits` holds, which it does up to some number; at least 1. */
function largest(fits: (value: number) => boolean): number {
  let high = 1;
  while (fits(2 * high)) high *= 2;
  let [low, beyond] = [high, 2 * high];
  while (beyond - low > 1) {
    const middle = Math.floor((low + beyond) / 2);
    if (fits(middle)) low = middle;
    else beyond = middle;
  }
  return low;
}

function parametersOf(kind: Kind, widths: readonly number[], { inputs, classes }: Interface): number {
  const dense = (from: number, to: number): number => (from + 1) * to;
  const last = dense(widths.at(-1) as number, classes);
  if (kind === 'mlp') {
    const flat = inputs.reduce((product, size) => product * size, 1);
    return widths.reduce((sum, width, i) => sum + dense(widths[i - 1] ?? flat, width), 0) + last;
  }
  const norm = 4; // batch normalisation: scale, shift, mean and variance of each channel
  return widths.reduce((sum, width, i) => {
    const from = widths[i - 1] ?? (inputs[2] as number);
    const separable = kind === 'depthwise' && i > 0;
    return sum + (separable ? (9 + norm + width) * from : 9 * from * width) + norm * width;
  }, last);
}

function build(kind: Kind, widths: readonly number[], { inputs, classes }: Interface): tf.LayersModel {
  if (kind === 'mlp') return mlp({ inputs, hidden: widths, classes });
  const options = { inputs: inputs as [number, number, number], channels: widths, classes };
  return kind === 'cnn' ? convNet(options) : depthwiseSeparableNet(options);
}

const isImage = ([height = 0, width = 0, channels]: readonly number[]): boolean =>
  channels !== undefined && Math.min(height, width) >= 8;

function interfaceOf(teacher: tf.LayersModel): Interface {
  const inputs = teacher.inputs[0]?.shape.slice(1) ?? [];
  const output = teacher.outputs[0]?.shape ?? [];
  const classes = output.at(-1);
  if (teacher.inputs.length === 1 && output.length === 2 && classes != null && inputs.every((size) => size !== null)) {
    return { inputs: inputs as number[], classes };
  }
  throw new ConfigError('compressedStudent: the teacher', {
    code: 'invalid-teacher',
    expected: 'one input of known shape and an output [batch, classes]',
    got: `${JSON.stringify(teacher.inputs.map(({ shape }) => shape))} and ${JSON.stringify(output)}`,
  });
}

function noImage(kind: Kind, inputs: readonly number[]): ConfigError {
  return new ConfigError(`compressedStudent: a student of kind '${kind}'`, {
    code: 'invalid-teacher',
    expected: 'a teacher of images [height, width, channels]',
    got: `[${inputs}]`,
    help: "kind: 'mlp' takes any shape",
  });
}

function unreachable(ratio: number, got: number, kind: Kind): ConfigError {
  return new ConfigError('compressedStudent: option `ratio`', {
    code: 'unreachable-ratio',
    expected: `a ratio that a student of kind '${kind}' can have; the nearest here is ${got.toPrecision(3)}`,
    got: String(ratio),
    help: 'take another `kind` or `depth`, or a larger `tolerance`',
  });
}
