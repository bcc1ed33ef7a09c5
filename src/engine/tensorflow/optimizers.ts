/** The updates of SGD, Adam and AdamW as TensorFlow's fused ones, on variables that stay in TensorFlow. */
import type { AdamAttrs, SgdAttrs } from '../../core/fused.ts';
import * as tf from '../../core/tf.ts';
import { attributes, type Info, type TensorFlowBackend, tidied } from './ops.ts';
import { Residents } from './resident.ts';

/** How many scalars are kept: the constants of a few optimizers and the numbers of a step. */
const KEPT_SCALARS = 32;

/** Registers KelvinAdam and KelvinSGD. */
export function directOptimizers(backend: TensorFlowBackend): void {
  const { binding } = backend;
  const { T, bool } = attributes(backend);
  const residents = new Residents(backend);
  const scalar = scalars(backend);
  const plain = [T, bool('use_locking', false)];
  const behind = [...plain, bool('use_nesterov', false)];
  const ahead = [...plain, bool('use_nesterov', true)];
  const idOf = (tensor: Info): number => backend.getInputTensorIds([tensor])[0] as number;
  const asGiven = (gradient: Info, param: Info, decay: number): Info =>
    decay === 0 ? gradient : tf.add(gradient as tf.Tensor, tf.mul(param as tf.Tensor, decay));

  tidied<AdamAttrs>('KelvinAdam', (inputs, { beta1, beta2, rate, eps, keep, decay }) => {
    const { param, gradient, expAvg, expAvgSq } = inputs as Record<'param' | 'gradient', Info> & Record<string, Info>;
    const slope = idOf(asGiven(gradient, param, decay));
    const kept = keep === 1 ? param : tf.mul(param as tf.Tensor, keep);
    const handles = [
      residents.enter(kept),
      expAvg ? residents.enter(expAvg) : residents.zeros(param.shape),
      expAvgSq ? residents.enter(expAvgSq) : residents.zeros(param.shape),
    ];
    // TensorFlow's corrections are off (powers of 0): the rate holds them.
    const numbers = [0, 0, rate, beta1, beta2, eps].map(scalar);
    binding.executeOp('ResourceApplyAdam', behind, [...handles, ...numbers, slope], 0);
    return handles.map((handle) => residents.read(handle, param.shape));
  });

  tidied<SgdAttrs>('KelvinSGD', (inputs, { momentum, damp, rate, nesterov, decay }) => {
    const { param, gradient, buffer } = inputs as Record<'param' | 'gradient', Info> & Record<string, Info>;
    const whole = asGiven(gradient, param, decay);
    const handle = residents.enter(param);
    if (momentum === 0) {
      binding.executeOp('ResourceApplyGradientDescent', plain, [handle, scalar(rate), idOf(whole)], 0);
      return [residents.read(handle, param.shape)];
    }
    // The first gradient enters the buffer undamped.
    const slope = buffer && damp !== 1 ? tf.mul(whole as tf.Tensor, damp) : whole;
    const sums = buffer ? residents.enter(buffer) : residents.zeros(param.shape);
    const ids = [handle, sums, scalar(rate), idOf(slope), scalar(momentum)];
    binding.executeOp('ResourceApplyMomentum', nesterov ? ahead : behind, ids, 0);
    return [residents.read(handle, param.shape), residents.read(sums, param.shape)];
  });
}

/** Scalars as TensorFlow's tensors, the latest kept. */
function scalars({ binding }: TensorFlowBackend): (value: number) => number {
  const known = new Map<number, number>();
  return (value) => {
    const found = known.get(value);
    known.delete(value);
    const id = found ?? binding.createTensor([], binding.TF_FLOAT, Float32Array.of(value));
    known.set(value, id);
    for (const [oldest, old] of known) {
      if (known.size <= KEPT_SCALARS) break;
      known.delete(oldest);
      binding.deleteTensor(old);
    }
    return id;
  };
}
