/**
 * Pooling in two and three dimensions. The backend's own maximum hides NaN and takes nothing below -1e20, its gradient goes to
 * the last of equal maxima; its gradient of averages counts the padding, which the forward pass leaves out.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './program.ts';

type Attrs = Pick<tf.MaxPoolAttrs, 'filterSize' | 'strides' | 'pad' | 'dimRoundingMode'>;

/** Registers MaxPool, MaxPoolGrad and AvgPoolGrad, and their kin in three dimensions. */
export function completePooling(): void {
  for (const kernel of [tf.MaxPool, tf.MaxPool3D])
    complete<Attrs>(kernel, ({ x }, attrs, work) => maximum(x as Info, attrs, work));
  for (const kernel of [tf.MaxPoolGrad, tf.MaxPool3DGrad])
    complete<Attrs>(kernel, ({ dy, input, output }, attrs, work) =>
      maximumGradient({ x: input as Info, y: output as Info, dy: dy as Info }, attrs, work),
    );
  for (const kernel of [tf.AvgPoolGrad, tf.AvgPool3DGrad])
    complete<Attrs>(kernel, ({ dy, input }, attrs, work) => averageGradient(input as Info, dy as Info, attrs, work));
}

/** The sizes of a pooling, by the names that the code knows, those of an image as of a volume that is one deep. */
function measure(x: Info, { filterSize, strides, pad, dimRoundingMode }: Attrs) {
  const one = { inDepth: 1, outDepth: 1, filterDepth: 1, strideDepth: 1 };
  const info =
    x.shape.length === 4
      ? {
          ...one,
          ...tf.backend_util.computePool2DInfo(x.shape as Shape4, filterSize, strides, 1, pad, dimRoundingMode),
        }
      : tf.backend_util.computePool3DInfo(
          x.shape as Shape5,
          filterSize as number,
          strides as number,
          1,
          pad as 'same',
          dimRoundingMode,
        );
  const { inDepth, inHeight, inWidth, outDepth, outHeight, outWidth } = info;
  const { filterDepth, filterHeight, filterWidth, strideDepth, strideHeight, strideWidth } = info;
  const { top, left } = info.padInfo;
  const front = 'front' in info.padInfo ? info.padInfo.front : 0;
  const integers = {
    ...{ channels: info.inChannels, front, top, left },
    ...{ inDepth, inHeight, inWidth, outDepth, outHeight, outWidth },
    ...{ filterDepth, filterHeight, filterWidth, strideDepth, strideHeight, strideWidth },
  };
  return { integers, outShape: info.outShape as number[] };
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

const FUNCTIONS = `
  fn inSize() -> vec3<i32> { return vec3<i32>(uniforms.inDepth, uniforms.inHeight, uniforms.inWidth); }
  fn outSize() -> vec3<i32> { return vec3<i32>(uniforms.outDepth, uniforms.outHeight, uniforms.outWidth); }
  fn stride() -> vec3<i32> { return vec3<i32>(uniforms.strideDepth, uniforms.strideHeight, uniforms.strideWidth); }
  fn window() -> vec3<i32> { return vec3<i32>(uniforms.filterDepth, uniforms.filterHeight, uniforms.filterWidth); }
  fn padding() -> vec3<i32> { return vec3<i32>(uniforms.front, uniforms.top, uniforms.left); }
  // A window, cut to the image: its first corner, and the one beyond its last.
  fn firstOf(place : vec3<i32>) -> vec3<i32> { return max(place * stride() - padding(), vec3<i32>(0)); }
  fn pastOf(place : vec3<i32>) -> vec3<i32> { return min(place * stride() - padding() + window(), inSize()); }
  fn at(image : i32, place : vec3<i32>, size : vec3<i32>, channel : i32) -> i32 {
    return (((image * size.x + place.x) * size.y + place.y) * size.z + place.z) * uniforms.channels + channel;
  }`;

/** Where in which image a thread's value lies. */
const locate = (size: string): string => `
  let size = ${size}();
  let channel = index % uniforms.channels;
  let pixel = index / uniforms.channels;
  let place = vec3<i32>(pixel / (size.z * size.y) % size.x, pixel / size.z % size.y, pixel % size.z);
  let image = pixel / (size.x * size.y * size.z);`;

/** Does `body` for every place `name` from a corner to another. */
const each = (name: string, head: string, tail: string, body: string): string => `
  for (var ${name}0 = ${head}.x; ${name}0 < ${tail}.x; ${name}0 = ${name}0 + 1) {
    for (var ${name}1 = ${head}.y; ${name}1 < ${tail}.y; ${name}1 = ${name}1 + 1) {
      for (var ${name}2 = ${head}.z; ${name}2 < ${tail}.z; ${name}2 = ${name}2 + 1) {
        let ${name} = vec3<i32>(${name}0, ${name}1, ${name}2);
        ${body}
      }
    }
  }`;

/** Does `body` for every output \`o\` whose window holds the input at \`place\`. */
const eachWindow = (body: string): string => `
  let reach = place + padding();
  let head = max((reach - window() + stride()) / stride(), vec3<i32>(0));
  let tail = min(reach / stride() + vec3<i32>(1), outSize());
  ${each('o', 'head', 'tail', body)}`;

function maximum(x: Info, attrs: Attrs, work: Workspace): Info {
  const { integers, outShape } = measure(x, attrs);
  const code = `${locate('outSize')}
    let head = firstOf(place);
    let tail = pastOf(place);
    var best = f32(-uniforms.INFINITY);
    ${each(
      'p',
      'head',
      'tail',
      `let value = f32(x[at(image, p, inSize(), channel)]);
       if (!isnan(best) && (isnan(value) || value > best)) { best = value; }`,
    )}
    result[index] = ${x.dtype === 'float32' ? 'best' : 'i32(best)'};`;
  const name = `MaxPool_${x.dtype}`;
  return work.compute({ name, inputs: { x }, shape: outShape, dtype: x.dtype, integers, functions: FUNCTIONS, code });
}

/** The gradient of a window goes to the first of its values that is its maximum, or NaN like it. */
function maximumGradient(inputs: { x: Info; y: Info; dy: Info }, attrs: Attrs, work: Workspace): Info {
  const { integers } = measure(inputs.x, attrs);
  const isBest = (value: string): string => `(${value} == best || (isnan(${value}) && isnan(best)))`;
  const code = `${locate('inSize')}
    let own = x[index];
    var total = 0.0;
    ${eachWindow(
      `let output = at(image, o, outSize(), channel);
       let best = y[output];
       if (${isBest('own')}) {
         let start = firstOf(o);
         let end = pastOf(o);
         var first = true;
         ${each(
           'p',
           'start',
           'end',
           `let other = at(image, p, inSize(), channel);
            let value = x[other];
            if (other < index && ${isBest('value')}) { first = false; }`,
         )}
         if (first) { total = total + dy[output]; }
       }`,
    )}
    result[index] = total;`;
  const shape = inputs.x.shape;
  return work.compute({
    ...{ name: 'MaxPoolGrad', inputs, shape, dtype: 'float32' },
    ...{ integers, functions: FUNCTIONS, code },
  });
}

function averageGradient(x: Info, dy: Info, attrs: Attrs, work: Workspace): Info {
  const { integers } = measure(x, attrs);
  const code = `${locate('inSize')}
    var total = 0.0;
    ${eachWindow(
      `let sides = pastOf(o) - firstOf(o);
       total = total + dy[at(image, o, outSize(), channel)] / f32(sides.x * sides.y * sides.z);`,
    )}
    result[index] = total;`;
  const shape = x.shape;
  return work.compute({
    ...{ name: 'AvgPoolGrad', inputs: { dy }, shape, dtype: 'float32' },
    ...{ integers, functions: FUNCTIONS, code },
  });
}
