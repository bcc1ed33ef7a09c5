/** Kernels that go element by element: what passes NaN on where the backend's own hide it, and select. */
import { offerFused } from '../../../core/fused.ts';
import * as tf from '../../../core/tf.ts';
import { complete, type Info, type Workspace } from '../kernels.ts';
import { accelerate, type Bench, isFloat, sizeOf } from './accelerate.ts';
import { type Companion, companionOf, hasCompanion } from './companion.ts';

/** Registers Relu, Relu6, ClipByValue, Maximum, Minimum, Select, and the gradient of relu and relu6. */
export function accelerateElementwise(): void {
  accelerate<object>(tf.Relu, ({ x }, _, bench) => clip(x as Info, 0, Number.POSITIVE_INFINITY, bench));
  accelerate<object>(tf.Relu6, ({ x }, _, bench) => clip(x as Info, 0, 6, bench));
  accelerate<tf.ClipByValueAttrs>(tf.ClipByValue, ({ x }, { clipValueMin, clipValueMax }, bench) =>
    clip(x as Info, clipValueMin, clipValueMax, bench),
  );
  accelerate<object>(tf.Maximum, ({ a, b }, _, bench) => extreme(a as Info, b as Info, bench, 'maximum'));
  accelerate<object>(tf.Minimum, ({ a, b }, _, bench) => extreme(a as Info, b as Info, bench, 'minimum'));
  accelerate<object>(tf.Select, select);
  complete<{ low: number; high: number }>('KelvinClippedGrad', ({ x, dy }, { low, high }, work) => {
    const { run } = companionOf(work.backend) as Companion;
    const [input, gradient] = [x as Info, dy as Info];
    const out = work.allocate(input.shape);
    const size = sizeOf(input.shape);
    if (size > 0) run.clippedGradient(work.address(input), work.address(gradient), work.address(out), size, low, high);
    return out;
  });
  offerFused('KelvinClippedGrad', hasCompanion);
}

function clip(x: Info, low: number, high: number, { run, work }: Bench): Info | undefined {
  const size = sizeOf(x.shape);
  if (!isFloat(x) || size === 0) return undefined;
  const out = work.allocate(x.shape);
  run.clip(work.address(x), work.address(out), size, low, high);
  return out;
}

function extreme(a: Info, b: Info, { run, work }: Bench, routine: 'maximum' | 'minimum'): Info | undefined {
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  if (sizeOf(shape) === 0) return undefined;
  const [left, right] = [broadcast(a, shape, work), broadcast(b, shape, work)];
  const out = work.allocate(shape);
  run[routine](work.address(left), work.address(right), work.address(out), sizeOf(shape));
  return out;
}

function broadcast(x: Info, shape: number[], work: Workspace): Info {
  if (sizeOf(x.shape) === sizeOf(shape)) return x;
  const aligned = [...Array<number>(shape.length - x.shape.length).fill(1), ...x.shape];
  const reps = shape.map((length, axis) => length / (aligned[axis] as number));
  return work.run(tf.Tile, { x: work.view(x, aligned) }, { reps });
}

function select(inputs: Record<string, Info>, _: object, { run, work }: Bench): Info | undefined {
  const { condition, t, e } = inputs as { condition: Info; t: Info; e: Info };
  const size = sizeOf(t.shape);
  const fourBytes = [t, e].every(({ dtype }) => dtype === t.dtype && (dtype === 'float32' || dtype === 'int32'));
  if (!fourBytes || condition.dtype !== 'bool' || sizeOf(condition.shape) !== size || size === 0) return undefined;
  const out = work.allocate(t.shape, t.dtype);
  run.selectFloats(work.address(condition), work.address(t), work.address(e), work.address(out), size);
  return out;
}
