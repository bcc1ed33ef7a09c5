/**
 * Convolutions and pooling with padding given in numbers, where tfjs-node has no gradients (conv2d) or nothing at all
 * (pooling): TensorFlow's convolutions take the numbers; a pool is that of the padded image.
 */
import * as tf from '../../core/tf.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';

type Shape4D = [number, number, number, number];

interface ConvolutionAttrs {
  readonly strides: [number, number] | number;
  readonly pad: tf.Conv2DAttrs['pad'];
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dilations?: [number, number] | number;
}

/** Registers Conv2D, Conv2DBackpropInput, Conv2DBackpropFilter, MaxPool and MaxPoolGrad for padding in numbers. */
export function directPadding(backend: TensorFlowBackend): void {
  const { T, text, ints } = attributes(backend);

  /** Runs one of the three; `inputShape` and `filterShape` are the image's and the filter's. */
  function convolve(name: string, attrs: ConvolutionAttrs, shapes: [number[], number[]], inputs: Info[]): tf.Tensor {
    const [inputShape, filterShape] = shapes as [Shape4D, Shape4D];
    const { strides, dilations = 1, pad, dimRoundingMode } = attrs;
    const info = tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, dilations, pad, dimRoundingMode);
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

  direct<ConvolutionAttrs>(tf.Conv2D, (inputs, attrs) => {
    const { x, filter } = inputs as Record<'x' | 'filter', Info>;
    return inNumbers(attrs) ? convolve(tf.Conv2D, attrs, [x.shape, filter.shape], [x, filter]) : undefined;
  });
  direct<ConvolutionAttrs & { inputShape: number[] }>(tf.Conv2DBackpropInput, (inputs, attrs) => {
    const { dy, filter } = inputs as Record<'dy' | 'filter', Info>;
    const { inputShape } = attrs;
    if (!inNumbers(attrs)) return undefined;
    return tf.tidy(() => {
      const sizes = tf.tensor1d(inputShape, 'int32');
      return convolve(tf.Conv2DBackpropInput, attrs, [inputShape, filter.shape], [sizes, filter, dy]);
    });
  });
  direct<ConvolutionAttrs & { filterShape: number[] }>(tf.Conv2DBackpropFilter, (inputs, attrs) => {
    const { x, dy } = inputs as Record<'x' | 'dy', Info>;
    const { filterShape } = attrs;
    if (!inNumbers(attrs)) return undefined;
    return tf.tidy(() => {
      const sizes = tf.tensor1d(filterShape, 'int32');
      return convolve(tf.Conv2DBackpropFilter, attrs, [x.shape, filterShape], [x, sizes, dy]);
    });
  });
  paddedPool(tf.MaxPool, tf.MaxPoolGrad, Number.NEGATIVE_INFINITY);
}

const inNumbers = ({ pad, dataFormat }: ConvolutionAttrs): boolean => typeof pad !== 'string' && dataFormat !== 'NCHW';

/** A pool whose padding never wins. */
function paddedPool(forward: string, backward: string, filler: number): void {
  const pads = ({ pad }: tf.MaxPoolAttrs): [number, number][] => {
    const [height, width] =
      typeof pad === 'number'
        ? [
            [pad, pad],
            [pad, pad],
          ]
        : (pad as unknown as [number, number][]).slice(1, 3);
    return [[0, 0], height as [number, number], width as [number, number], [0, 0]];
  };
  const padded = (x: Info, attrs: tf.MaxPoolAttrs): tf.Tensor => tf.pad(x as tf.Tensor, pads(attrs), filler);
  const run = (kernel: string, inputs: Record<string, tf.Tensor>, attrs: tf.MaxPoolAttrs): tf.Tensor =>
    tf.engine().runKernel(kernel, inputs, { ...attrs, pad: 'valid' } as unknown as tf.NamedAttrMap) as tf.Tensor;

  direct<tf.MaxPoolAttrs>(forward, ({ x }, attrs) =>
    typeof attrs.pad === 'string' ? undefined : tf.tidy(() => run(forward, { x: padded(x as Info, attrs) }, attrs)),
  );
  direct<tf.MaxPoolAttrs>(backward, (inputs, attrs) => {
    const { dy, input, output } = inputs as Record<'dy' | 'input' | 'output', tf.Tensor>;
    if (typeof attrs.pad === 'string') return undefined;
    return tf.tidy(() => {
      const whole = run(backward, { dy, input: padded(input, attrs), output }, attrs);
      return tf.slice(
        whole,
        pads(attrs).map(([before]) => before),
        input.shape,
      );
    });
  });
}
