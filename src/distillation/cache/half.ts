/** Half-precision numbers (IEEE 754 binary16) as their 16 bits: Node 20 has no Float16Array. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The largest finite half-precision number. */
export const LARGEST_HALF = 65504;

/** The 16 bits nearest to `value`, ties to even. Beyond {@link LARGEST_HALF} it becomes an infinity, as IEEE 754 has it. */
export function toHalf(value: number): number {
  float[0] = value;
  const given = bits[0] as number;
  const sign = (given >>> 16) & 0x8000;
  const magnitude = given & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  if (magnitude >= 0x477f_f000) return sign | 0x7c00;
  if (magnitude < 0x3880_0000) {
    // Below the least normal number: a multiple of 2^-24, rounded by adding what pushes the rest out of the mantissa.
    float[0] = Math.abs(value) + 0.5;
    return sign | ((bits[0] as number) - 0x3f00_0000);
  }
  const rounded = magnitude - 0x3800_0000 + 0x0fff + ((magnitude >>> 13) & 1);
  return sign | (rounded >>> 13);
}

/** The number that 16 bits stand for. */
export function fromHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** The numbers of all 65,536 half-precision numbers, by their bits: made once, a quarter of a MiB. */
export function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromHalf(half));
  return table;
}
