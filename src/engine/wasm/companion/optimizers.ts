/** The fused updates of SGD, Adam and AdamW. They write new tensors: weights never change in place on this backend. */
import { offerFused } from '../../../core/fused.ts';
import { complete, type Info, type Workspace } from '../kernels.ts';
import { sizeOf } from './accelerate.ts';
import { type Companion, companionOf, hasCompanion } from './companion.ts';

interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly rate: number;
  readonly eps: number;
  readonly keep: number;
  readonly decay: number;
}

interface SgdAttrs {
  readonly momentum: number;
  readonly damp: number;
  readonly rate: number;
  readonly nesterov: boolean;
  readonly decay: number;
}

/** Registers KelvinAdam and KelvinSGD; their formulas stand in companion/optimizers.ts. */
export function accelerateOptimizers(): void {
  complete<AdamAttrs>('KelvinAdam', (inputs, attrs, work) => {
    const { param, gradient, expAvg, expAvgSq } = inputs as Record<'param' | 'gradient', Info> & Record<string, Info>;
    const next = [work.allocate(param.shape), work.allocate(param.shape), work.allocate(param.shape)];
    const { beta1, beta2, rate, eps, keep, decay } = attrs;
    companion(work).run.adam(
      ...[param, gradient, expAvg ?? param, expAvgSq ?? param, ...next].map((one) => work.address(one)),
      ...[sizeOf(param.shape), expAvg ? 1 : 0],
      ...[beta1, 1 - beta1, beta2, 1 - beta2, rate, eps, keep, decay],
    );
    return next;
  });
  complete<SgdAttrs>('KelvinSGD', (inputs, attrs, work) => {
    const { param, gradient, buffer } = inputs as Record<'param' | 'gradient', Info> & Record<string, Info>;
    const { momentum, damp, rate, nesterov, decay } = attrs;
    const next = [work.allocate(param.shape), ...(momentum === 0 ? [] : [work.allocate(param.shape)])];
    companion(work).run.sgd(
      ...[param, gradient, buffer ?? param, next[0] as Info, next.at(-1) as Info].map((one) => work.address(one)),
      ...[sizeOf(param.shape), buffer ? 1 : 0, momentum, damp, rate, nesterov ? 1 : 0, decay],
    );
    return next;
  });
  for (const kernel of ['KelvinAdam', 'KelvinSGD'] as const) offerFused(kernel, hasCompanion);
}

const companion = (work: Workspace): Companion => companionOf(work.backend) as Companion;
