/** Kernels that go element by element: what passes NaN on where the backend's own hide it, and select. */
import { offerFused } from '../../../core/fused.ts';
import * as tf from '../../../core/tf.ts';
import type { Info, Workspace } from '../kernels.ts';
import { accelerate, addKernel, type Bench, isFloat, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion, type Routine } from './companion.ts';

/** Registers Relu, Relu6, ClipByValue, Maximum, Minimum, Select, Add, Multiply, and the gradient of relu and relu6. */
export function accelerateElementwise(): void {
  accelerate<object>(tf.Relu, ({ x }, _, bench) => clip(x as Info, 0, Number.POSITIVE_INFINITY, bench));
  accelerate<object>(tf.Relu6, ({ x }, _, bench) => clip(x as Info, 0, 6, bench));
  accelerate<tf.ClipByValueAttrs>(tf.ClipByValue, ({ x }, { clipValueMin, clipValueMax }, bench) =>
    clip(x as Info, clipValueMin, clipValueMax, bench),
  );
  accelerate<object>(tf.Maximum, ({ a, b }, _, bench) => extreme(a as Info, b as Info, bench, 'maximum'));
  accelerate<object>(tf.Minimum, ({ a, b }, _, bench) => extreme(a as Info, b as Info, bench, 'minimum'));
  accelerate<object>(tf.Select, select);
  accelerate<object>(tf.Add, ({ a, b }, _, bench) => sharedOut(a as Info, b as Info, bench, 'add'));
  accelerate<object>(tf.Multiply, ({ a, b }, _, bench) => sharedOut(a as Info, b as Info, bench, 'multiply'));
  addKernel<{ low: number; high: number }>('KelvinClippedGrad', ({ x, dy }, { low, high }, bench) =>
    walk(bench, 'clippedGradient', [x as Info, dy as Info], [low, high]),
  );
  offerFused('KelvinClippedGrad', hasCompanion);
}

/** Nanoseconds per value that memory takes. */
const PER_VALUE = 0.5;

/** Runs a routine over all values of some tensors of one shape; the result has the last one's type. */
function walk(bench: Bench, routine: Routine, tensors: readonly Info[], rest: readonly number[]): Info {
  const { work } = bench;
  const { shape, dtype } = tensors.at(-1) as Info;
  const out = work.allocate(shape, dtype);
  const size = sizeOf(shape);
  if (size === 0) return out;
  const values = [...tensors, out].map((one) => along(work.address(one), one.dtype === 'bool' ? 1 : 4));
  bench.share(routine, { units: size, time: size * PER_VALUE, align: 16 }, [...values, COUNT, ...rest]);
  return out;
}

function clip(x: Info, low: number, high: number, bench: Bench): Info | undefined {
  return isFloat(x) ? walk(bench, 'clip', [x], [low, high]) : undefined;
}

function extreme(a: Info, b: Info, bench: Bench, routine: 'maximum' | 'minimum'): Info | undefined {
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  if (sizeOf(shape) === 0) return undefined;
  const tensors = [a, b].map((one) => bench.work.view(broadcast(one, shape, bench.work), shape));
  return walk(bench, routine, tensors, []);
}

/** What is large enough for several threads: of equal shapes, and biases. The backend's own is as fast on one. */
function sharedOut(a: Info, b: Info, bench: Bench, routine: 'add' | 'multiply'): Info | undefined {
  const size = sizeOf(a.shape);
  if (bench.threads === 1 || size < SHARED_FROM || !isFloat(a) || !isFloat(b)) return undefined;
  if (tf.util.arraysEqual(a.shape, b.shape)) return walk(bench, routine, [a, b], []);
  const columns = a.shape.at(-1) as number;
  if (routine !== 'add' || b.shape.length !== 1 || b.shape[0] !== columns) return undefined;
  const out = bench.work.allocate(a.shape);
  const [from, bias, to] = [a, b, out].map((one) => bench.work.address(one)) as [number, number, number];
  bench.share('addBias', { units: size / columns, time: size * PER_VALUE }, [
    ...[along(from, columns * 4), bias, along(to, columns * 4)],
    ...[COUNT, columns],
  ]);
  return out;
}

/** Fewer values than this are done before a second thread has begun. */
const SHARED_FROM = 1 << 17;

function broadcast(x: Info, shape: number[], work: Workspace): Info {
  if (sizeOf(x.shape) === sizeOf(shape)) return x;
  const aligned = [...Array<number>(shape.length - x.shape.length).fill(1), ...x.shape];
  const reps = shape.map((length, axis) => length / (aligned[axis] as number));
  return work.run(tf.Tile, { x: work.view(x, aligned) }, { reps });
}

function select(inputs: Record<string, Info>, _: object, bench: Bench): Info | undefined {
  const { condition, t, e } = inputs as { condition: Info; t: Info; e: Info };
  const fourBytes = [t, e].every(({ dtype }) => dtype === t.dtype && (dtype === 'float32' || dtype === 'int32'));
  if (!fourBytes || condition.dtype !== 'bool' || sizeOf(condition.shape) !== sizeOf(t.shape)) return undefined;
  return walk(bench, 'selectFloats', [condition, t, e], []);
}
