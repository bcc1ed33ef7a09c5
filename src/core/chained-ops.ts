/**
 * Gives tensors their chained methods, `x.add(y)`: the Node build of tfjs-core comes without them.
 * The types are tfjs-core's own; a method that is there already is left alone.
 */
import * as core from '@tensorflow/tfjs-core';

export type {} from '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.d.ts'; // exported, or the types of users would lack it

type Method = (this: core.Tensor, ...args: never[]) => unknown;

/** Methods that are the op of the same name with the tensor as its first argument. */
const SAME_NAME = `abs acos acosh add all any argMax argMin asin asinh atan atan2 atanh avgPool batchToSpaceND batchNorm
  broadcastTo cast ceil clipByValue conv1d conv2d conv2dTranspose cos cosh cumprod cumsum depthToSpace depthwiseConv2d
  dilation2d div divNoNan dot elu equal erf euclideanNorm exp expandDims expm1 fft floor floorDiv greater greaterEqual ifft
  irfft isFinite isInf isNaN leakyRelu less lessEqual localResponseNormalization log log1p logSigmoid logSoftmax logSumExp
  logicalAnd logicalNot logicalOr logicalXor matMul max maxPool maximum mean min minimum mirrorPad mod mul neg norm notEqual
  oneHot onesLike pad pool pow prelu prod reciprocal relu relu6 reshape resizeBilinear resizeNearestNeighbor reverse rfft
  round rsqrt selu separableConv2d sigmoid sign sin sinh slice softmax softplus spaceToBatchND split sqrt square
  squaredDifference squeeze step stridedSlice sub sum tan tanh tile topk transpose unique unsortedSegmentSum unstack
  zerosLike`.split(/\s+/);

const asList = (x: core.Tensor | core.Tensor[]): core.Tensor[] => (Array.isArray(x) ? x : [x]);

/** Methods whose arguments are arranged otherwise. */
const ARRANGED: Record<string, (this: core.Tensor, ...args: never[]) => unknown> = {
  asScalar() {
    return core.reshape(this, []);
  },
  as1D() {
    return core.reshape(this, [this.size]);
  },
  as2D(...shape: number[]) {
    return core.reshape(this, shape);
  },
  as3D(...shape: number[]) {
    return core.reshape(this, shape);
  },
  as4D(...shape: number[]) {
    return core.reshape(this, shape);
  },
  as5D(...shape: number[]) {
    return core.reshape(this, shape);
  },
  asType(dtype: core.DataType) {
    return core.cast(this, dtype);
  },
  flatten() {
    return core.reshape(this, [this.size]);
  },
  reshapeAs(other: core.Tensor) {
    return core.reshape(this, other.shape);
  },
  toBool() {
    return core.cast(this, 'bool');
  },
  toFloat() {
    return core.cast(this, 'float32');
  },
  toInt() {
    return core.cast(this, 'int32');
  },
  concat(others: core.Tensor | core.Tensor[], axis?: number) {
    return core.concat([this, ...asList(others)], axis);
  },
  stack(others: core.Tensor | core.Tensor[], axis?: number) {
    return core.stack([this, ...asList(others)], axis);
  },
  where(condition: core.Tensor, other: core.Tensor) {
    return core.where(condition, this, other);
  },
};

const prototype = core.Tensor.prototype as unknown as Record<string, Method>;

for (const name of SAME_NAME) {
  const op = (core as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
  if (op === undefined || name in prototype) continue;
  prototype[name] = function (this: core.Tensor, ...args: never[]) {
    return op(this, ...args);
  };
}

for (const [name, method] of Object.entries(ARRANGED)) prototype[name] ??= method;
