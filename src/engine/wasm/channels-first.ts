/**
 * Convolutions of channels-first data ('NCHW'), which the backend does not have: the data is transposed, there and back. For
 * models that come from elsewhere; channels-last ones need none of it.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers Conv2D, FusedConv2D and the gradients of both for channels-first data, over those for channels-last. */
export function completeChannelsFirst(): void {
  for (const kernel of [tf.Conv2D, tf.FusedConv2D, tf.Conv2DBackpropInput, tf.Conv2DBackpropFilter])
    complete<Attrs>(kernel, (inputs, attrs, work) => {
      if (attrs.dataFormat !== 'NCHW') return work.native(inputs, attrs);
      const given: Record<string, Info> = {};
      for (const [name, input] of Object.entries(inputs)) if (input) given[name] = turnedInput(name, input, work);
      const y = work.native(given, turnedAttrs(attrs));
      return kernel === tf.Conv2DBackpropFilter ? y : work.run(tf.Transpose, { x: y }, { perm: TO_FIRST });
    });
}

interface Attrs {
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly pad: tf.Conv2DAttrs['pad'];
  readonly inputShape?: number[];
}

const TO_FIRST = [0, 3, 1, 2];
const TO_LAST = [0, 2, 3, 1];

const inOrder = <T>(values: readonly T[]): T[] => TO_LAST.map((axis) => values[axis] as T);

/** Images with their channels last, and what is per channel without the axes that stand for height and width. */
function turnedInput(name: string, input: Info, work: Workspace): Info {
  if (name === 'x' || name === 'dy') return work.run(tf.Transpose, { x: input }, { perm: TO_LAST });
  if (name === 'filter' || input.shape.length !== 3) return input;
  return work.run(tf.Transpose, { x: input }, { perm: [1, 2, 0] });
}

function turnedAttrs(attrs: Attrs): Attrs {
  const { pad, inputShape } = attrs;
  return {
    ...attrs,
    dataFormat: 'NHWC',
    pad: Array.isArray(pad) ? (inOrder(pad as number[][]) as unknown as typeof pad) : pad,
    ...(inputShape && { inputShape: inOrder(inputShape) }),
  };
}
