/** Pools padded by numbers: what stands on each side of an image, and how much a mean over padding has to be raised. */

/** Rows above and below an image, columns left and right of it. */
export type Sides = readonly [rows: readonly [number, number], columns: readonly [number, number]];

/** The padding of a kernel that was given numbers: one for all sides, or a pair for each axis. */
export function sidesOf(pad: unknown): Sides {
  if (typeof pad === 'number')
    return [
      [pad, pad],
      [pad, pad],
    ];
  return (pad as readonly (readonly [number, number])[]).slice(1, 3) as unknown as Sides;
}

/**
 * A mean counts the pixels of the image alone, and one over a padded image counts all of them: the factors between the
 * two, a window each, as [1, height, width, 1]. A window that lies in the padding as a whole has the mean 0.
 */
export function meanFactors(
  [, height, width]: readonly number[],
  filterSize: number | readonly number[],
  strides: number | readonly number[],
  sides: Sides,
): { readonly shape: [number, number, number, number]; readonly values: Float32Array } {
  const [window, step] = [pair(filterSize), pair(strides)];
  const [rows, columns] = [height as number, width as number].map((size, axis) =>
    countsOf(size, window[axis] as number, step[axis] as number, sides[axis] as readonly [number, number]),
  ) as [number[], number[]];
  const whole = window[0] * window[1];
  const values = rows.flatMap((row) => columns.map((column) => (row * column === 0 ? 0 : whole / (row * column))));
  return { shape: [1, rows.length, columns.length, 1], values: Float32Array.from(values) };
}

function pair(sizes: number | readonly number[]): [number, number] {
  const [first, second] = [sizes].flat() as [number, number?];
  return [first, second ?? first];
}

/** How many pixels of an image each window along an axis covers. */
function countsOf(size: number, window: number, step: number, [before, after]: readonly [number, number]): number[] {
  const length = Math.floor((before + size + after - window) / step) + 1;
  return Array.from({ length }, (_, i) => {
    const start = i * step - before;
    return Math.max(0, Math.min(size, start + window) - Math.max(0, start));
  });
}
