/** What each kind of layer multiplies: the rules behind {@link countMacs}. */
import type * as tf from '../core/tf.ts';

/** A shape without gaps; the batch axis is 1. */
export type FullShape = readonly number[];

/** A layer, as far as its products matter. Layers of the user's own may count them themselves, with `macs`. */
export interface CountedLayer {
  readonly name: string;
  readonly weights: readonly { readonly originalName: string; readonly val: tf.Variable }[];
  readonly dataFormat?: string | undefined;
  readonly dilationRate?: unknown;
  getClassName(): string;
  macs?(inputShape: FullShape, outputShape: FullShape): number;
}

type Rule = (layer: CountedLayer, input: FullShape, output: FullShape) => number;

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Places of an image or a series, which every kernel is laid upon: all axes but batch and channels. */
function places({ dataFormat }: CountedLayer, shape: FullShape): number {
  return product(dataFormat === 'channelsFirst' ? shape.slice(2) : shape.slice(1, -1));
}

/** Elements of the kernels: all weights but the biases. */
function kernels({ weights }: CountedLayer): number {
  const own = weights.filter(({ originalName }) => /kernel(_\d+)?$/.test(originalName));
  return own.reduce((sum, { val }) => sum + val.size, 0);
}

const atEachOutput: Rule = (layer, _input, output) => kernels(layer) * places(layer, output);
const atEachInput: Rule = (layer, input) => kernels(layer) * places(layer, input);
const atEachStep: Rule = (layer, input) => kernels(layer) * (input[1] as number);
const nothing: Rule = () => 0;

/** By class name. What is not in the list and has weights cannot be told. */
const RULES: Readonly<Record<string, Rule>> = {
  Dense: (layer, input) => kernels(layer) * product(input.slice(1, -1)),
  Conv1D: atEachOutput,
  Conv2D: atEachOutput,
  Conv3D: atEachOutput,
  DepthwiseConv2D: atEachOutput,
  SeparableConv2D: atEachOutput,
  Conv2DTranspose: atEachInput,
  Conv3DTranspose: atEachInput,
  SimpleRNN: atEachStep,
  GRU: atEachStep,
  LSTM: atEachStep,
  Embedding: nothing,
  BatchNormalization: nothing,
  LayerNormalization: nothing,
  PReLU: nothing,
};

/** Multiply-accumulates of one layer for one sample; `undefined` when nobody knows. */
export function layerMacs(layer: CountedLayer, input: FullShape, output: FullShape): number | undefined {
  if (layer.macs !== undefined) return layer.macs(input, output);
  const rule = RULES[layer.getClassName()];
  if (rule !== undefined) return rule(layer, input, output);
  return layer.weights.length === 0 ? 0 : undefined;
}
