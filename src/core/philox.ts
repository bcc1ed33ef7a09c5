/**
 * Random bits from a counter and a key: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011),
 * keyed by two seeds as TensorFlow's stateless random operations are, so that engines draw the same masks.
 */

/** Where a stream of bits begins: its key, and the upper half of its counter. The lower half counts fours of values. */
export interface PhiloxStream {
  readonly key: readonly [number, number];
  readonly upper: readonly [number, number];
}

const ROUNDS = 10;

/** The stream of two 32-bit seeds. */
export function philoxStream([first, second]: readonly [number, number]): PhiloxStream {
  const words = new Uint32Array([first, first < 0 ? -1 : 0, second, second < 0 ? -1 : 0]);
  rounds(words, 0x3ec8f720, 0x02461e29);
  const [a, b, c, d] = words as unknown as [number, number, number, number];
  return { key: [a, b], upper: [c, d] };
}

/**
 * Fills `target` with `value` where a uniform number, of 23 bits, lies below `probability`, rounded to single precision, and
 * with 0 elsewhere.
 */
export function fillMask(
  target: Float32Array,
  { key, upper }: PhiloxStream,
  { probability, value }: { readonly probability: number; readonly value: number },
): void {
  const threshold = Math.fround(probability) * 2 ** 23;
  const words = new Uint32Array(4);
  for (let at = 0; at < target.length; at++) {
    if (at % 4 === 0) {
      words[0] = at / 4;
      words[1] = 0;
      words[2] = upper[0];
      words[3] = upper[1];
      rounds(words, key[0], key[1]);
    }
    target[at] = ((words[at % 4] as number) & 0x7fffff) < threshold ? value : 0;
  }
}

function rounds(words: Uint32Array, key0: number, key1: number): void {
  let a = words[0] as number;
  let b = words[1] as number;
  let c = words[2] as number;
  let d = words[3] as number;
  for (let round = 0; round < ROUNDS; round++) {
    const nextA = multiplyHigh(c, 0xcd9e8d57) ^ b ^ (key0 + round * 0x9e3779b9);
    const nextC = multiplyHigh(a, 0xd2511f53) ^ d ^ (key1 + round * 0xbb67ae85);
    b = Math.imul(c, 0xcd9e8d57);
    d = Math.imul(a, 0xd2511f53);
    a = nextA;
    c = nextC;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}

/** The upper 32 bits of the product of two unsigned integers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  return a1 * b1 + (middle >>> 16) + (other >>> 16);
}
