/** Shapes as loops of four dimensions, which is what small steps are run in. */

/** Sizes, then the steps of one operand, then those of the other. */
export type Loop = readonly number[];

const DIMENSIONS = 4;

/** From element to element along each axis of an array that lies in one piece. */
export function stepsOf(shape: readonly number[]): number[] {
  const steps = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) steps[i] = (steps[i + 1] as number) * (shape[i + 1] as number);
  return steps;
}

/** The steps through `from` that go through `shape`: 0 along axes that are repeated. */
export function broadcastSteps(from: readonly number[], shape: readonly number[]): number[] {
  const own = stepsOf(from);
  const missing = shape.length - from.length;
  return shape.map((_, i) => (i < missing || from[i - missing] === 1 ? 0 : (own[i - missing] as number)));
}

/** The steps through the result of a reduction that go with the elements of `shape`: 0 along axes that it sums. */
export function reductionSteps(shape: readonly number[], axes: readonly number[]): number[] {
  const kept = stepsOf(shape.map((size, i) => (axes.includes(i) ? 1 : size)));
  return kept.map((step, i) => (axes.includes(i) ? 0 : step));
}

/**
 * A loop through `shape`; axes that are gone through as one become one. `undefined` where more than four are left.
 *
 * @param steps of one or two operands
 */
export function loopOf(shape: readonly number[], ...steps: readonly (readonly number[])[]): Loop | undefined {
  const sizes: number[] = [];
  const walks: number[][] = steps.map(() => []);
  for (const [i, size] of shape.entries()) {
    if (size === 1) continue;
    const joins = sizes.length > 0 && steps.every((own, s) => walks[s]?.at(-1) === (own[i] as number) * size);
    if (joins) sizes[sizes.length - 1] = (sizes.at(-1) as number) * size;
    else sizes.push(size);
    for (const [s, own] of steps.entries()) {
      const walk = walks[s] as number[];
      if (joins) walk[walk.length - 1] = own[i] as number;
      else walk.push(own[i] as number);
    }
  }
  if (sizes.length > DIMENSIONS) return undefined;
  const pad = (list: readonly number[], filler: number): number[] => [
    ...new Array<number>(DIMENSIONS - list.length).fill(filler),
    ...list,
  ];
  return [...pad(sizes, 1), ...walks.flatMap((walk) => pad(walk, 0))];
}
