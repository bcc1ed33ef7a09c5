/**
 * Convolutions and pooling with padding given in numbers, where tfjs-node has no gradients (convolutions) or nothing at all
 * (pooling): TensorFlow's convolutions take the numbers; a pool is that of the padded image.
 */
import * as tf from '../../core/tf.ts';
import { meanFactors, sidesOf } from '../pool-padding.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';

type Shape4D = [number, number, number, number];

interface ConvolutionAttrs {
  readonly strides: [number, number] | number;
  readonly pad: tf.Conv2DAttrs['pad'];
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dilations?: [number, number] | number;
}

/** Registers the convolutions, MaxPool, AvgPool and the gradients of all of them for padding in numbers. */
export function directPadding(backend: TensorFlowBackend): void {
  const { T, text, ints } = attributes(backend);

  /** Runs a convolution or its gradient; `inputShape` and `filterShape` are the image's and the filter's. */
  function convolve(name: string, attrs: ConvolutionAttrs, shapes: [number[], number[]], inputs: Info[]): tf.Tensor {
    const [inputShape, filterShape] = shapes as [Shape4D, Shape4D];
    const { strides, pad, dimRoundingMode } = attrs;
    const dilations = attrs.dilations ?? 1;
    const depthwise = name.startsWith('Depthwise');
    const info = tf.backend_util.computeConv2DInfo(
      ...[inputShape, filterShape, strides, dilations, pad, dimRoundingMode, depthwise],
    );
    const { top, bottom, left, right } = info.padInfo;
    const given = [
      T,
      ints('strides', [1, info.strideHeight, info.strideWidth, 1]),
      text('padding', 'EXPLICIT'),
      ints('explicit_paddings', [0, 0, top, bottom, left, right, 0, 0]),
      text('data_format', 'NHWC'),
      ints('dilations', [1, info.dilationHeight, info.dilationWidth, 1]),
    ];
    return backend.executeSingleOutput(name, given, inputs);
  }

  for (const name of [tf.Conv2D, tf.DepthwiseConv2dNative])
    direct<ConvolutionAttrs>(name, (inputs, attrs) => {
      const { x, filter } = inputs as Record<'x' | 'filter', Info>;
      return inNumbers(attrs) ? convolve(name, attrs, [x.shape, filter.shape], [x, filter]) : undefined;
    });
  for (const name of [tf.Conv2DBackpropInput, tf.DepthwiseConv2dNativeBackpropInput])
    direct<ConvolutionAttrs & { inputShape: number[] }>(name, (inputs, attrs) => {
      const { dy, filter } = inputs as Record<'dy' | 'filter', Info>;
      const { inputShape } = attrs;
      if (!inNumbers(attrs)) return undefined;
      return tf.tidy(() => {
        const sizes = tf.tensor1d(inputShape, 'int32');
        return convolve(name, attrs, [inputShape, filter.shape], [sizes, filter, dy]);
      });
    });
  for (const name of [tf.Conv2DBackpropFilter, tf.DepthwiseConv2dNativeBackpropFilter])
    direct<ConvolutionAttrs & { filterShape: number[] }>(name, (inputs, attrs) => {
      const { x, dy } = inputs as Record<'x' | 'dy', Info>;
      const { filterShape } = attrs;
      if (!inNumbers(attrs)) return undefined;
      return tf.tidy(() => {
        const sizes = tf.tensor1d(filterShape, 'int32');
        return convolve(name, attrs, [x.shape, filterShape], [x, sizes, dy]);
      });
    });
  paddedMaxPool();
  paddedAvgPool();
}

const inNumbers = ({ pad, dataFormat }: ConvolutionAttrs): boolean => typeof pad !== 'string' && dataFormat !== 'NCHW';

type PoolAttrs = tf.MaxPoolAttrs;
type Pads = [number, number][];

const padsOf = ({ pad }: PoolAttrs): Pads => {
  const [rows, columns] = sidesOf(pad) as [[number, number], [number, number]];
  return [[0, 0], rows, columns, [0, 0]];
};

/** Runs a pool or its gradient without padding. */
const unpadded = (kernel: string, inputs: Record<string, tf.Tensor>, attrs: PoolAttrs): tf.Tensor =>
  tf.engine().runKernel(kernel, inputs, { ...attrs, pad: 'valid' } as unknown as tf.NamedAttrMap) as tf.Tensor;

/** The gradient of the image, from that of the padded one. */
const within = (whole: tf.Tensor, pads: Pads, { shape }: Info): tf.Tensor =>
  tf.slice(
    whole,
    pads.map(([before]) => before),
    shape,
  );

/** Padding never is the maximum. */
function paddedMaxPool(): void {
  const padded = (x: Info, attrs: PoolAttrs): tf.Tensor =>
    tf.pad(x as tf.Tensor, padsOf(attrs), Number.NEGATIVE_INFINITY);

  direct<PoolAttrs>(tf.MaxPool, ({ x }, attrs) =>
    typeof attrs.pad === 'string'
      ? undefined
      : tf.tidy(() => unpadded(tf.MaxPool, { x: padded(x as Info, attrs) }, attrs)),
  );
  direct<PoolAttrs>(tf.MaxPoolGrad, (inputs, attrs) => {
    const { dy, input, output } = inputs as Record<'dy' | 'input' | 'output', tf.Tensor>;
    if (typeof attrs.pad === 'string') return undefined;
    return tf.tidy(() => {
      const whole = unpadded(tf.MaxPoolGrad, { dy, input: padded(input, attrs), output }, attrs);
      return within(whole, padsOf(attrs), input);
    });
  });
}

/** Padding does not count in a mean. */
function paddedAvgPool(): void {
  const padded = (x: Info, attrs: PoolAttrs): tf.Tensor => tf.pad(x as tf.Tensor, padsOf(attrs));
  const factors = (x: Info, { filterSize, strides, pad }: PoolAttrs): tf.Tensor => {
    const { values, shape } = meanFactors(x.shape, filterSize, strides, sidesOf(pad));
    return tf.tensor(values, shape);
  };

  direct<PoolAttrs>(tf.AvgPool, (inputs, attrs) => {
    const { x } = inputs as Record<'x', Info>;
    if (typeof attrs.pad === 'string') return undefined;
    return tf.tidy(() => tf.mul(unpadded(tf.AvgPool, { x: padded(x, attrs) }, attrs), factors(x, attrs)));
  });
  direct<PoolAttrs>(tf.AvgPoolGrad, (inputs, attrs) => {
    const { dy, input } = inputs as Record<'dy' | 'input', tf.Tensor>;
    if (typeof attrs.pad === 'string') return undefined;
    return tf.tidy(() => {
      const spread = tf.mul(dy, factors(input, attrs));
      return within(unpadded(tf.AvgPoolGrad, { dy: spread, input: padded(input, attrs) }, attrs), padsOf(attrs), input);
    });
  });
}
