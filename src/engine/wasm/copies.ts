/**
 * Kernels that only move data: the backend's own copy where a second reference would do (Identity, which saves every
 * tensor for the backward pass, and Cast to the same type), copy the whole input to cut out a part (Slice), or
 * compute an index for every element (Tile, through which tfjs broadcasts).
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';
import { computeOnCpu } from './via-cpu.ts';

/** Registers Identity, Cast, Slice, StridedSlice and Tile. */
export function completeCopies(): void {
  complete<object>(tf.Identity, ({ x }, _, work) => sameData(x as Info, work));
  complete<tf.CastAttrs>(tf.Cast, (inputs, attrs, work) => {
    const x = inputs.x as Info;
    if (x.dtype === attrs.dtype) return sameData(x, work);
    return attrs.dtype === 'bool' ? truths(x, work) : work.native(inputs, attrs);
  });
  complete<tf.SliceAttrs>(tf.Slice, slice);
  complete<tf.StridedSliceAttrs>(tf.StridedSlice, (inputs, attrs, work) =>
    // The backend's own gives float32, whatever it is given.
    (inputs.x as Info).dtype === 'float32'
      ? work.native(inputs, attrs)
      : computeOnCpu(tf.StridedSlice, inputs, attrs, work),
  );
  complete<tf.TileAttrs>(tf.Tile, tile);
}

const sameData = (x: Info, work: Workspace): Info => work.view(x, x.shape.slice());

/** 1 where a value is not 0: the backend's own copies the lowest byte. */
function truths(x: Info, work: Workspace): Info {
  const out = work.allocate(x.shape, 'bool');
  const [from, to] = [work.values(x), work.values(out)];
  for (let i = 0; i < from.length; i++) to[i] = from[i] === 0 ? 0 : 1;
  return out;
}

function slice(inputs: Record<string, Info>, attrs: tf.SliceAttrs, work: Workspace): Info {
  const x = inputs.x as Info;
  if (x.dtype === 'string' || x.dtype === 'complex64') return work.native(inputs, attrs);
  const [begin, size] = tf.slice_util.parseSliceParams(x, attrs.begin, attrs.size) as [number[], number[]];
  tf.slice_util.assertParamsValid(x, begin, size);
  const out = work.allocate(size, x.dtype);
  if (tf.util.sizeFromShape(size) === 0) return out;
  copyBlock(work.values(x), x.shape, begin, size, work.values(out));
  return out;
}

type Values = Float32Array | Int32Array | Uint8Array;

/** Copies the block at `begin` of the given size out of a row-major array, run by contiguous run. */
function copyBlock(from: Values, shape: number[], begin: number[], size: number[], to: Values): void {
  let axis = shape.length - 1;
  let run = 1;
  let stride = 1;
  let offset = 0;
  for (let whole = true; axis >= 0 && whole; axis--) {
    const length = size[axis] as number;
    offset += (begin[axis] as number) * stride;
    run *= length;
    stride *= shape[axis] as number;
    whole = length === shape[axis];
  }
  const strides = tf.util.computeStrides([...shape, 1]);
  let written = 0;
  const descend = (dim: number, at: number): void => {
    if (dim > axis) {
      if (run >= 16) to.set(from.subarray(at, at + run), written);
      else for (let i = 0; i < run; i++) to[written + i] = from[at + i] as number;
      written += run;
      return;
    }
    const step = strides[dim] as number;
    const first = begin[dim] as number;
    for (let i = 0; i < (size[dim] as number); i++) descend(dim + 1, at + (first + i) * step);
  };
  descend(0, offset);
}

/** Repeats along one axis after the other, the last first, so that all but the last pass are small. */
function tile(inputs: Record<string, Info>, attrs: tf.TileAttrs, work: Workspace): Info {
  const x = inputs.x as Info;
  let result = sameData(x, work);
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    const times = attrs.reps[axis] as number;
    if (times === 1) continue;
    const shape = result.shape.map((length, i) => (i === axis ? length * times : length));
    const next = work.allocate(shape, x.dtype);
    const blocks = tf.util.sizeFromShape(shape.slice(0, axis));
    if (times > 0) repeatBlocks(work.values(result), work.values(next), blocks, times);
    result = next;
  }
  return result;
}

/** Writes each of `blocks` equal parts of `from` so many times in a row, doubling what is there. */
function repeatBlocks(from: Values, to: Values, blocks: number, times: number): void {
  const size = from.length / blocks;
  for (let block = 0; block < blocks; block++) {
    const [start, end] = [block * size * times, (block + 1) * size * times];
    if (size === 1) {
      to.fill(from[block] as number, start, end);
      continue;
    }
    to.set(from.subarray(block * size, (block + 1) * size), start);
    for (let written = size; start + written < end; written *= 2)
      to.copyWithin(start + written, start, Math.min(start + written, end - written));
  }
}
