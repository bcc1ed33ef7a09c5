/** Random masks on the companion, sixteen values at a time and on as many threads as they are worth. */
import { BERNOULLI } from '../../../core/bernoulli.ts';
import { philoxStream } from '../../../core/philox.ts';
import type { MaskAttrs } from '../random.ts';
import { accelerate, sizeOf } from './accelerate.ts';
import { along, COUNT, START } from './arguments.ts';

/** Registers the kernel of masks. */
export function accelerateRandom(): void {
  accelerate<MaskAttrs>(BERNOULLI, (_, { shape, probability, value, seed }, bench) => {
    const out = bench.work.allocate(shape);
    const size = sizeOf(shape);
    if (size === 0) return out;
    const { key, upper } = philoxStream(seed);
    bench.share('bernoulli', { units: size, time: size * 1.5, align: 16 }, [
      ...[along(bench.work.address(out), 4), START, COUNT],
      ...[...key, ...upper, probability, value],
    ]);
    return out;
  });
}
