/** The fused updates of SGD, Adam and AdamW. They write new tensors: weights never change in place on this backend. */
import { type AdamAttrs, offerFused, type SgdAttrs } from '../../../core/fused.ts';
import type { Info } from '../kernels.ts';
import { addKernel, type Bench, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion, type Routine } from './companion.ts';

/** Registers KelvinAdam and KelvinSGD; their formulas stand in companion/optimizers.ts. */
export function accelerateOptimizers(): void {
  addKernel<AdamAttrs>('KelvinAdam', (inputs, attrs, bench) => {
    const { work } = bench;
    const { param, gradient, expAvg, expAvgSq } = inputs as Record<'param' | 'gradient', Info> & Record<string, Info>;
    const next = [work.allocate(param.shape), work.allocate(param.shape), work.allocate(param.shape)];
    const { beta1, beta2, rate, eps, keep, decay } = attrs;
    const numbers = [expAvg ? 1 : 0, beta1, 1 - beta1, beta2, 1 - beta2, rate, eps, keep, decay];
    update(bench, 'adam', [param, gradient, expAvg ?? param, expAvgSq ?? param, ...next], numbers);
    return next;
  });
  addKernel<SgdAttrs>('KelvinSGD', (inputs, attrs, bench) => {
    const { work } = bench;
    const { param, gradient, buffer } = inputs as Record<'param' | 'gradient', Info> & Record<string, Info>;
    const { momentum, damp, rate, nesterov, decay } = attrs;
    const next = [work.allocate(param.shape), ...(momentum === 0 ? [] : [work.allocate(param.shape)])];
    const tensors = [param, gradient, buffer ?? param, next[0] as Info, next.at(-1) as Info];
    update(bench, 'sgd', tensors, [buffer ? 1 : 0, momentum, damp, rate, nesterov ? 1 : 0, decay]);
    return next;
  });
  for (const kernel of ['KelvinAdam', 'KelvinSGD'] as const) offerFused(kernel, hasCompanion);
}

function update(bench: Bench, routine: Routine, tensors: readonly Info[], numbers: readonly number[]): void {
  const size = sizeOf((tensors[0] as Info).shape);
  const values = tensors.map((one) => along(bench.work.address(one), 4));
  bench.share(routine, { units: size, time: size, align: 16 }, [...values, COUNT, ...numbers]);
}
