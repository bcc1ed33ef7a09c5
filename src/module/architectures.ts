/** Networks for small images, ready to be trained: plain tf.LayersModels that give logits. */
import { z } from 'zod';
import { flag, numberBetween, parseOptions, wholeNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { Dropout } from './dropout.ts';

/** Options of {@link mlp}. */
export interface MlpOptions {
  /** Size of the input, or shape of it, which is then flattened. */
  inputs: number | readonly number[];
  /** Units of the hidden layers, ReLU each. `[]` for a linear classifier. */
  hidden: readonly number[];
  /** Units of the last layer. Left out: the network ends with the last hidden layer, as an encoder. */
  classes?: number | undefined;
  /** Dropout after each hidden layer; one rate for all or one each. Default 0. */
  dropout?: number | readonly number[] | undefined;
  /** Dropout of the inputs. Default 0. */
  inputDropout?: number | undefined;
}

/** Options of {@link convNet}. */
export interface ConvNetOptions {
  /** Height, width and channels of an image. */
  inputs: readonly [number, number, number];
  /** Output channels of the convolutions; each is followed by pooling or a stride of 2. */
  channels: readonly number[];
  /** Units of the last layer. Left out: the network ends with its features, as an encoder. */
  classes?: number | undefined;
  /** Batch normalisation after each convolution. Default `true`. */
  batchNorm?: boolean | undefined;
  /** Dropout before the last layer. Default 0. */
  dropout?: number | undefined;
}

/** Options of {@link depthwiseSeparableNet}. */
export interface DepthwiseSeparableOptions extends ConvNetOptions {
  /**
   * Stride of the first convolution. Default 1. With 2 it takes a quarter of the arithmetic, and what the last features see of
   * the image is nearly twice as wide.
   */
  stemStride?: number | undefined;
}

const sizes = z.array(wholeNumber(1), { error: 'an array of whole numbers of at least 1' });
const rate = () => numberBetween(0, 1);

const mlpSchema = z.strictObject({
  inputs: z.union([wholeNumber(1), sizes], { error: 'a size or a shape' }),
  hidden: sizes,
  classes: wholeNumber(1).optional(),
  dropout: z.union([rate(), z.array(rate())], { error: 'a rate or an array of rates' }).default(0),
  inputDropout: rate().default(0),
});

const convSchema = z.strictObject({
  inputs: z.tuple([wholeNumber(1), wholeNumber(1), wholeNumber(1)], { error: '[height, width, channels]' }),
  channels: sizes,
  classes: wholeNumber(1).optional(),
  batchNorm: flag().default(true),
  dropout: rate().default(0),
});

const separableSchema = convSchema.extend({ stemStride: wholeNumber(1).default(1) });

/**
 * A multi-layer perceptron that gives logits of shape `[batch, classes]`. Inputs of any shape are flattened.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const teacher = mlp({ inputs: 784, hidden: [1200, 1200], classes: 10, dropout: 0.5, inputDropout: 0.2 });
 * ```
 */
export function mlp(options: MlpOptions): tf.LayersModel {
  const { inputs, hidden, classes, dropout, inputDropout } = parseOptions('mlp', mlpSchema, options);
  const model = tf.sequential();
  const inputShape = typeof inputs === 'number' ? [inputs] : [...inputs];
  model.add(inputShape.length === 1 ? tf.layers.inputLayer({ inputShape }) : tf.layers.flatten({ inputShape }));
  if (inputDropout > 0) model.add(new Dropout({ rate: inputDropout }));
  hidden.forEach((units, i) => {
    const drop = Array.isArray(dropout) ? (dropout[i] ?? 0) : (dropout as number);
    model.add(tf.layers.dense({ units, activation: 'relu', kernelInitializer: 'heNormal' }));
    if (drop > 0) model.add(new Dropout({ rate: drop }));
  });
  if (classes !== undefined) model.add(tf.layers.dense({ units: classes }));
  return model;
}

/**
 * A small convolutional network: 3x3 convolutions, ReLU and 2x2 max pooling, then global average pooling.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const net = convNet({ inputs: [28, 28, 1], channels: [16, 32], classes: 10 });
 * ```
 */
export function convNet(options: ConvNetOptions): tf.LayersModel {
  const { inputs, channels, classes, batchNorm, dropout } = parseOptions('convNet', convSchema, options);
  const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [...inputs] })] });
  for (const filters of channels) {
    model.add(
      tf.layers.conv2d({ filters, kernelSize: 3, padding: 'same', useBias: !batchNorm, kernelInitializer: 'heNormal' }),
    );
    finishBlock(model, batchNorm);
    model.add(tf.layers.maxPooling2d({ poolSize: 2 }));
  }
  return finish(model, { classes, dropout });
}

/**
 * A depthwise-separable network in the manner of MobileNet (Howard et al. 2017): a plain 3x3 convolution, then depthwise
 * 3x3 and pointwise 1x1 convolutions with a stride of 2 each, then global average pooling.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const student = depthwiseSeparableNet({ inputs: [32, 32, 3], channels: [64, 128, 256], classes: 10 });
 * ```
 */
export function depthwiseSeparableNet(options: DepthwiseSeparableOptions): tf.LayersModel {
  const settings = parseOptions('depthwiseSeparableNet', separableSchema, options);
  const { inputs, channels, classes, batchNorm, dropout, stemStride } = settings;
  const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [...inputs] })] });
  const useBias = !batchNorm;
  channels.forEach((filters, i) => {
    if (i === 0) {
      model.add(
        tf.layers.conv2d({
          filters,
          kernelSize: 3,
          strides: stemStride,
          padding: 'same',
          useBias,
          kernelInitializer: 'heNormal',
        }),
      );
      finishBlock(model, batchNorm);
      return;
    }
    model.add(
      tf.layers.depthwiseConv2d({
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        useBias,
        depthwiseInitializer: 'heNormal',
      }),
    );
    finishBlock(model, batchNorm);
    model.add(tf.layers.conv2d({ filters, kernelSize: 1, useBias, kernelInitializer: 'heNormal' }));
    finishBlock(model, batchNorm);
  });
  return finish(model, { classes, dropout });
}

function finishBlock(model: tf.Sequential, batchNorm: boolean): void {
  if (batchNorm) model.add(tf.layers.batchNormalization({ momentum: 0.9 }));
  model.add(tf.layers.reLU());
}

function finish(
  model: tf.Sequential,
  { classes, dropout }: { classes: number | undefined; dropout: number },
): tf.LayersModel {
  model.add(tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }));
  if (dropout > 0) model.add(new Dropout({ rate: dropout }));
  if (classes !== undefined) model.add(tf.layers.dense({ units: classes }));
  return model;
}
