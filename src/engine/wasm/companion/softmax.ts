/** Softmax cross-entropy on the companion: the loss of each row and the gradient in one go. */
import { offerFused } from '../../../core/fused.ts';
import { allocatorOf, type Info } from '../kernels.ts';
import { addKernel, type Bench, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Nanoseconds per value, about. */
const PER_VALUE = 4;

/**
 * Registers KelvinCrossEntropy, of logits and targets [batch, classes] the losses [batch] and their gradient, and
 * KelvinSparseCrossEntropy, the same of class numbers [batch].
 */
export function accelerateCrossEntropy(): void {
  addKernel<{ whole: boolean }>('KelvinCrossEntropy', (inputs, { whole }, bench) => {
    const { logits, target } = inputs as { logits: Info; target: Info };
    const classes = logits.shape[1] as number;
    return compute(bench, 'crossEntropy', logits, along(bench.work.address(target), classes * 4), [whole ? 1 : 0]);
  });
  addKernel<object>('KelvinSparseCrossEntropy', (inputs, _, bench) => {
    const { logits, labels } = inputs as { logits: Info; labels: Info };
    return compute(bench, 'sparseCrossEntropy', logits, along(bench.work.address(labels), 4), []);
  });
  for (const kernel of ['KelvinCrossEntropy', 'KelvinSparseCrossEntropy'] as const) offerFused(kernel, hasCompanion);
}

function compute(
  bench: Bench,
  routine: 'crossEntropy' | 'sparseCrossEntropy',
  logits: Info,
  target: ReturnType<typeof along>,
  rest: readonly number[],
): Info[] {
  const [batch, classes] = logits.shape as [number, number];
  const { work } = bench;
  const [losses, gradient] = [work.allocate([batch]), work.allocate(logits.shape)];
  const parts = work.reserve(batch * 24);
  const size = sizeOf(logits.shape);
  const [from, to] = [along(work.address(logits), classes * 4), along(work.address(gradient), classes * 4)];
  if (size > 0)
    bench.share(routine, { units: batch, time: size * PER_VALUE }, [
      ...[from, target, to, along(parts, 24)],
      ...[COUNT, classes, ...rest],
    ]);
  const values = work.floats(losses);
  const { HEAPF64 } = allocatorOf(work.backend);
  for (let row = 0, at = parts / 8; row < batch; row++, at += 3)
    values[row] = (HEAPF64[at + 2] as number) * Math.log(HEAPF64[at] as number) - (HEAPF64[at + 1] as number);
  return [losses, gradient];
}
