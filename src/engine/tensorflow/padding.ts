/**
 * Convolutions and pooling with padding given in numbers, where tfjs-node has no gradients (conv2d) or nothing at all
 * (pooling): TensorFlow's convolutions take the numbers; a pool is that of the padded image.
 */
import * as tf from '../../core/tf.ts';
import { attributes, direct, type Info, type TensorFlowBackend } from './ops.ts';

type Pad = tf.Conv2DAttrs['pad'];

interface ConvolutionGradientAttrs {
  readonly strides: [number, number] | number;
  readonly pad: Pad;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Registers Conv2DBackpropInput and Conv2DBackpropFilter for padding in numbers. */
export function directPadding(backend: TensorFlowBackend): void {
  const { T, text, ints } = attributes(backend);

  const gradient = (
    name: string,
    shape: readonly number[],
    attrs: ConvolutionGradientAttrs,
    given: Given,
  ): tf.Tensor => {
    const { inputShape, filterShape, inputs } = given;
    const { strides, pad, dimRoundingMode } = attrs;
    const info = tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode);
    const { top, bottom, left, right } = info.padInfo;
    const sizes = tf.tensor1d([...shape], 'int32');
    const [before, after] = inputs(sizes);
    const y = backend.executeSingleOutput(
      name,
      [
        T,
        ints('strides', [1, info.strideHeight, info.strideWidth, 1]),
        text('padding', 'EXPLICIT'),
        ints('explicit_paddings', [0, 0, top, bottom, left, right, 0, 0]),
        text('data_format', 'NHWC'),
        ints('dilations', [1, 1, 1, 1]),
      ],
      [...before, ...after],
    );
    sizes.dispose();
    return y;
  };

  direct<ConvolutionGradientAttrs & { inputShape: Shape4D }>(tf.Conv2DBackpropInput, (inputs, attrs) => {
    const { dy, filter } = inputs as Record<'dy' | 'filter', Info>;
    if (!inNumbers(attrs)) return undefined;
    const given = { inputShape: attrs.inputShape, filterShape: filter.shape as Shape4D };
    return gradient(tf.Conv2DBackpropInput, attrs.inputShape, attrs, {
      ...given,
      inputs: (sizes) => [[sizes], [filter, dy]],
    });
  });
  direct<ConvolutionGradientAttrs & { filterShape: Shape4D }>(tf.Conv2DBackpropFilter, (inputs, attrs) => {
    const { x, dy } = inputs as Record<'x' | 'dy', Info>;
    if (!inNumbers(attrs)) return undefined;
    const given = { inputShape: x.shape as Shape4D, filterShape: attrs.filterShape };
    return gradient(tf.Conv2DBackpropFilter, attrs.filterShape, attrs, {
      ...given,
      inputs: (sizes) => [[x, sizes], [dy]],
    });
  });
  paddedPool(tf.MaxPool, tf.MaxPoolGrad, Number.NEGATIVE_INFINITY);
}

type Shape4D = [number, number, number, number];

interface Given {
  readonly inputShape: Shape4D;
  readonly filterShape: Shape4D;
  readonly inputs: (sizes: Info) => [Info[], Info[]];
}

const inNumbers = ({ pad, dataFormat }: { pad: Pad; dataFormat?: string }): boolean =>
  typeof pad !== 'string' && dataFormat !== 'NCHW';

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
