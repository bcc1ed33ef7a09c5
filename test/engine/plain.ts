/** Operations written out plainly in double precision, and gradients by finite differences: the oracle of differential.test.ts. */

/** A row-major array of doubles. */
export interface Plain {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

type Place = readonly number[];

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Fills an array by a function of the place. */
export function build(shape: readonly number[], valueAt: (place: Place) => number): Plain {
  const values = new Float64Array(sizeOf(shape));
  const place = shape.map(() => 0);
  for (let i = 0; i < values.length; i++) {
    values[i] = valueAt(place);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] as number) + 1;
      if ((place[axis] as number) < (shape[axis] as number)) break;
      place[axis] = 0;
    }
  }
  return { shape, values };
}

/** The value at a place. */
export function read({ shape, values }: Plain, place: Place): number {
  let at = 0;
  for (let axis = 0; axis < shape.length; axis++) at = at * (shape[axis] as number) + (place[axis] as number);
  return values[at] as number;
}

/** The value that broadcasting puts at a place: trailing axes aligned, axes of length 1 repeated. */
export function readBroadcast(x: Plain, place: Place): number {
  const own = place.slice(place.length - x.shape.length);
  return read(
    x,
    own.map((index, axis) => (x.shape[axis] === 1 ? 0 : index)),
  );
}

/** Reduces `axes` by a function of all values along them. */
export function reduce(x: Plain, axes: readonly number[], combine: (values: number[]) => number): Plain {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const all = new Map<string, number[]>();
  const keyOf = (place: Place) => place.join();
  build(x.shape, (place) => {
    const key = keyOf(kept.map((axis) => place[axis] as number));
    all.set(key, [...(all.get(key) ?? []), read(x, place)]);
    return 0;
  });
  return build(
    kept.map((axis) => x.shape[axis] as number),
    (place) => combine(all.get(keyOf(place)) as number[]),
  );
}

/** For each input the gradient of Σ dy · f(inputs), by central differences. */
export function differences(
  f: (...xs: Plain[]) => Plain,
  inputs: readonly Plain[],
  dy: ArrayLike<number>,
): Float64Array[] {
  const total = (xs: Plain[]): number => f(...xs).values.reduce((sum, value, i) => sum + value * (dy[i] as number), 0);
  return inputs.map((input, which) =>
    input.values.map((value, i) => {
      const step = 1e-5 * Math.max(1, Math.abs(value));
      const moved = (by: number): number => {
        const values = input.values.slice();
        values[i] = value + by;
        return total(inputs.map((one, k) => (k === which ? { shape: one.shape, values } : one)));
      };
      return (moved(step) - moved(-step)) / (2 * step);
    }),
  );
}
