/** The search for the largest batch size that fits: by powers of two, or further by bisection. */

/** How a search goes. */
export interface BatchSizeSearch {
  readonly mode: 'power' | 'binsearch';
  /** The first size. */
  readonly initVal: number;
  /** Sizes to try at most. */
  readonly maxTrials: number;
  /** No size above this is tried. */
  readonly maxVal: number;
}

/** How a size has done: `'last'` fits, and a larger one would make no difference. */
export type BatchSizeVerdict = 'fits' | 'last' | 'too large';

/** The largest size that fits; `undefined` when not even the first does. */
export async function searchBatchSize(
  { mode, initVal, maxTrials, maxVal }: BatchSizeSearch,
  tryOut: (size: number) => Promise<BatchSizeVerdict>,
): Promise<number | undefined> {
  let fitting: number | undefined;
  let tooLarge: number | undefined;
  for (let trial = 0, size = initVal; trial < maxTrials; trial++) {
    const verdict = await tryOut(size);
    if (verdict === 'too large') tooLarge = size;
    else fitting = size;
    if (verdict === 'last' || fitting === maxVal) return fitting;
    if (tooLarge === undefined) size = Math.min(size * 2, maxVal);
    else if (mode === 'power' && (fitting !== undefined || size === 1)) return fitting;
    else if (mode === 'power') size = Math.floor(size / 2);
    else {
      const floor = fitting ?? 0;
      if (tooLarge - floor <= 1) return fitting;
      size = Math.floor((floor + tooLarge) / 2);
    }
  }
  return fitting;
}

/** True for what engines throw when their memory is exhausted. */
export function isOutOfMemory(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'out-of-memory') return true;
  return /out of memory|\bOOM\b|resource ?exhausted|allocation failed|invalid (typed )?array length/i.test(
    String(message),
  );
}
