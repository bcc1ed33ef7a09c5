/** Softmax cross-entropy on the companion: the loss of each row and the gradient in one go. */
import { offerFused } from '../../../core/fused.ts';
import { allocatorOf, type Info } from '../kernels.ts';
import { addKernel, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Nanoseconds per value, about. */
const PER_VALUE = 4;

/** Registers the kernel: of logits and targets [batch, classes] the losses [batch] and their gradient. */
export function accelerateCrossEntropy(): void {
  addKernel<object>('KelvinCrossEntropy', (inputs, _, bench) => {
    const { logits, target } = inputs as { logits: Info; target: Info };
    const [batch, classes] = logits.shape as [number, number];
    const { work } = bench;
    const [losses, gradient] = [work.allocate([batch]), work.allocate(logits.shape)];
    const parts = work.reserve(batch * 24);
    const size = sizeOf(logits.shape);
    if (size > 0)
      bench.share('crossEntropy', { units: batch, time: size * PER_VALUE }, [
        ...[logits, target, gradient].map((one) => along(work.address(one), classes * 4)),
        ...[along(parts, 24), COUNT, classes],
      ]);
    const to = work.floats(losses);
    const { HEAPF64 } = allocatorOf(work.backend);
    for (let row = 0, at = parts / 8; row < batch; row++, at += 3)
      to[row] = (HEAPF64[at + 2] as number) * Math.log(HEAPF64[at] as number) - (HEAPF64[at + 1] as number);
    return [losses, gradient];
  });
  offerFused('KelvinCrossEntropy', hasCompanion);
}
