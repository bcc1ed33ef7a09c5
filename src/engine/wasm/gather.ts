/**
 * Gathering, its inverse and one-hot vectors: UnsortedSegmentSum, which the backend lacks (gradients of gather and of embeddings), and
 * GatherV2 with batch dimensions, which reads out of bounds there.
 */
import { BackendError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers UnsortedSegmentSum, GatherV2 and OneHot. */
export function completeGather(): void {
  complete<tf.UnsortedSegmentSumAttrs>(tf.UnsortedSegmentSum, unsortedSegmentSum);
  complete<tf.GatherV2Attrs>(tf.GatherV2, gather);
  complete<tf.OneHotAttrs>(tf.OneHot, oneHot);
}

/** The backend's own writes integers, whatever type it is asked for. */
function oneHot(inputs: Record<string, Info>, attrs: tf.OneHotAttrs, work: Workspace): Info {
  const indices = inputs.indices as Info;
  const { depth, onValue, offValue, dtype } = attrs;
  const out = work.allocate([...indices.shape, depth], dtype);
  const [ids, to] = [work.values(indices), work.values(out)];
  to.fill(offValue);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id >= 0 && id < depth) to[i * depth + id] = onValue;
  }
  return out;
}

/** Adds up the rows of each segment; rows whose segment does not exist are left out. */
function unsortedSegmentSum(inputs: Record<string, Info>, attrs: tf.UnsortedSegmentSumAttrs, work: Workspace): Info {
  const { x, segmentIds } = inputs as { x: Info; segmentIds: Info };
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const width = tf.util.sizeFromShape(rowShape);
  const out = work.allocate([attrs.numSegments, ...rowShape], x.dtype);
  const [ids, from, to] = [work.values(segmentIds), work.values(x), work.values(out)];
  to.fill(0);
  for (let row = 0; row < ids.length; row++) {
    const segment = ids[row] as number;
    if (segment < 0 || segment >= attrs.numSegments) continue;
    const [read, write] = [row * width, segment * width];
    for (let i = 0; i < width; i++) to[write + i] = (to[write + i] as number) + (from[read + i] as number);
  }
  return out;
}

function gather(inputs: Record<string, Info>, attrs: tf.GatherV2Attrs, work: Workspace): Info {
  if (!attrs.batchDims) return work.native(inputs, attrs);
  const { x, indices } = inputs as { x: Info; indices: Info };
  const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0] as number;
  const shapes = tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, attrs.batchDims);
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shapes;
  const out = work.allocate(outputShape, x.dtype);
  const [picks, from, to] = [work.values(indices), work.values(x), work.values(out)];
  const picksPerBatch = picks.length / batchSize;
  for (let batch = 0, write = 0; batch < batchSize; batch++)
    for (let outer = 0; outer < outerSize; outer++)
      for (let i = 0; i < picksPerBatch; i++, write += sliceSize) {
        const pick = picks[batch * picksPerBatch + i] as number;
        if (!(pick >= 0 && pick < dimSize)) throw outOfRange(pick, dimSize);
        const read = ((batch * outerSize + outer) * dimSize + pick) * sliceSize;
        to.set(from.subarray(read, read + sliceSize), write);
      }
  return out;
}

function outOfRange(index: number, size: number): BackendError {
  return new BackendError('gather: an index is out of range', {
    code: 'index-out-of-range',
    expected: `a whole number from 0 to ${size - 1}`,
    got: String(index),
  });
}
