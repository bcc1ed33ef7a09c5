/** Softmax cross-entropy and KL divergence on the companion: the loss of each row and the gradient in one go. */
import { offerFused } from '../../../core/fused.ts';
import { allocatorOf, type Info } from '../kernels.ts';
import { addKernel, type Bench, sizeOf } from './accelerate.ts';
import { along, COUNT } from './arguments.ts';
import { hasCompanion } from './companion.ts';

/** Nanoseconds per value, about. */
const PER_VALUE = { crossEntropy: 4, klDivergence: 20 };

/** Registers both: of logits and targets, or two rows of logits, [batch, classes] the losses [batch] and their gradient. */
export function accelerateSoftmaxLosses(): void {
  addKernel<object>('KelvinCrossEntropy', (inputs, _, bench) => {
    const { logits, target } = inputs as { logits: Info; target: Info };
    return byRow(bench, 'crossEntropy', [logits, target], [], (sum, dot, mass) => mass * Math.log(sum) - dot);
  });
  addKernel<{ temperature: number }>('KelvinKLDivergence', (inputs, { temperature }, bench) => {
    const { student, teacher } = inputs as { student: Info; teacher: Info };
    const divergence = (own: number, taught: number, dot: number): number => dot / taught + Math.log(own / taught);
    return byRow(bench, 'klDivergence', [student, teacher], [temperature], divergence);
  });
  offerFused('KelvinCrossEntropy', hasCompanion);
  offerFused('KelvinKLDivergence', hasCompanion);
}

/** Runs a routine that leaves a gradient, and for each row three doubles of which its loss is made. */
function byRow(
  bench: Bench,
  routine: 'crossEntropy' | 'klDivergence',
  given: readonly [Info, Info],
  options: readonly number[],
  loss: (a: number, b: number, c: number) => number,
): Info[] {
  const { work } = bench;
  const { shape } = given[0];
  const [batch, classes] = shape as [number, number];
  const [losses, gradient] = [work.allocate([batch]), work.allocate(shape)];
  const parts = work.reserve(batch * 24);
  const size = sizeOf(shape);
  if (size > 0)
    bench.share(routine, { units: batch, time: size * PER_VALUE[routine] }, [
      ...[...given, gradient].map((one) => along(work.address(one), classes * 4)),
      ...[along(parts, 24), COUNT, classes, ...options],
    ]);
  const to = work.floats(losses);
  const { HEAPF64 } = allocatorOf(work.backend);
  for (let row = 0, at = parts / 8; row < batch; row++, at += 3)
    to[row] = loss(HEAPF64[at] as number, HEAPF64[at + 1] as number, HEAPF64[at + 2] as number);
  return [losses, gradient];
}
