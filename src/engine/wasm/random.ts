/** Random masks of two seeds: the same at every level, and the same that TensorFlow draws. */
import { BERNOULLI } from '../../core/bernoulli.ts';
import { fillMask, philoxStream } from '../../core/philox.ts';
import { complete } from './kernels.ts';

/** What the kernel of masks is given. */
export interface MaskAttrs {
  readonly shape: number[];
  readonly probability: number;
  readonly value: number;
  readonly seed: readonly [number, number];
}

/** Registers the kernel of masks. */
export function completeRandom(): void {
  complete<MaskAttrs>(BERNOULLI, (_, attrs, work) => {
    const out = work.allocate(attrs.shape);
    fillMask(work.floats(out), philoxStream(attrs.seed), attrs);
    return out;
  });
}
