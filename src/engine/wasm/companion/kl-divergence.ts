/** Softened KL divergence on the companion: the divergence of each row and the gradient in one go. */
import { offerFused } from '../../../core/fused.ts';
import { allocatorOf, type Info } from '../kernels.ts';
import { addKernel, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Nanoseconds per value, about. */
const PER_VALUE = 20;

/** Registers the kernel: of student and teacher [batch, classes] KL(teacher ‖ student) at T [batch] and its gradient. */
export function accelerateKLDivergence(): void {
  addKernel<{ temperature: number }>('KelvinKLDivergence', (inputs, { temperature }, bench) => {
    const { student, teacher } = inputs as { student: Info; teacher: Info };
    const [batch, classes] = student.shape as [number, number];
    const { work } = bench;
    const [divergences, gradient] = [work.allocate([batch]), work.allocate(student.shape)];
    const parts = work.reserve(batch * 24);
    const size = sizeOf(student.shape);
    if (size > 0)
      bench.share('klDivergence', { units: batch, time: size * PER_VALUE }, [
        ...[student, teacher, gradient].map((one) => along(work.address(one), classes * 4)),
        ...[along(parts, 24), COUNT, classes, temperature],
      ]);
    const to = work.floats(divergences);
    const { HEAPF64 } = allocatorOf(work.backend);
    for (let row = 0, at = parts / 8; row < batch; row++, at += 3) {
      const [own, taught] = [HEAPF64[at] as number, HEAPF64[at + 1] as number];
      to[row] = (HEAPF64[at + 2] as number) / taught + Math.log(own / taught);
    }
    return [divergences, gradient];
  });
  offerFused('KelvinKLDivergence', hasCompanion);
}
