/**
 * The data set that comes with Kelvin: digits that the program writes itself, stroke by stroke, as different hands would.
 * It needs no file and no network, and is hard enough that a large network beats a small one.
 */
import { z } from 'zod';
import { parseOptions, wholeNumber } from '../../core/options.ts';
import { deriveSeed, Random } from '../../core/random.ts';
import { ArrayDataset, type ImageColumns } from './array-dataset.ts';
import { DIGIT_SHAPES, type Shape } from './digit-shapes.ts';
import type { ImageSplits } from './mnist.ts';
import { type Canvas, drawStroke, type Pen } from './pen.ts';

const SIZE = 28;
/** A digit's height in pixels before it is scaled: as in MNIST, with four pixels of margin. */
const BOX = 19.5;
/** The test part's samples are drawn from a stream of their own, so that neither part's size changes the other. */
const TRAIN_PART = 1;
const TEST_PART = 2;

const optionsSchema = z.strictObject({
  train: wholeNumber(0).default(12_000),
  test: wholeNumber(0).default(2_000),
  seed: wholeNumber(0, 0xffff_ffff).default(0),
});

/**
 * Hand-written looking digits, in the form of {@link mnist}: images `x` of shape [28, 28, 1], pixels from 0 to 1, and
 * labels `y` from 0 to 9, in equal numbers. The same seed draws the same digits, bit for bit, whatever the sizes.
 *
 * @param options `train` and `test`: how many, default 12000 and 2000; `seed`, default 0
 *
 * @example
 * ```ts
 * const { train, test } = drawnDigits({ train: 5000, seed: 7 });
 * ```
 */
export function drawnDigits(
  options: { train?: number | undefined; test?: number | undefined; seed?: number | undefined } = {},
): ImageSplits {
  const { train, test, seed } = parseOptions('drawnDigits', optionsSchema, options);
  return {
    train: drawMany(train, deriveSeed(seed, TRAIN_PART)),
    test: drawMany(test, deriveSeed(seed, TEST_PART)),
    source: `drawn digits, seed ${seed}`,
  };
}

function drawMany(count: number, seed: number): ArrayDataset<ImageColumns> {
  const data = new Uint8Array(count * SIZE * SIZE);
  const labels = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const { pixels, label } = drawDigit(seed, index);
    labels[index] = label;
    data.set(pixels, index * SIZE * SIZE);
  }
  return new ArrayDataset(
    { x: { data, shape: [SIZE, SIZE, 1], scale: 1 / 255 }, y: { data: labels, shape: [], dtype: 'int32' } },
    { classes: 10 },
  );
}

/** Draws sample `index` of a part, alone: pixels 0 to 255, row by row. */
export function drawDigit(seed: number, index: number): { pixels: Uint8Array; label: number } {
  const label = labelOf(seed, index);
  const random = new Random(deriveSeed(seed, index));
  const canvas = { size: SIZE, pixels: new Float32Array(SIZE * SIZE) };
  const ways = DIGIT_SHAPES[label] as readonly Shape[];
  write(canvas, ways[random.integer(ways.length)] as Shape, random);
  if (random.uniform() < 0.12) distract(canvas, random);
  return { pixels: develop(canvas, random), label };
}

/** Every ten samples in a row have the ten digits, in random order. */
function labelOf(seed: number, index: number): number {
  const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  new Random(deriveSeed(seed, Math.floor(index / 10), 0x1abe1)).shuffle(digits);
  return digits[index % 10] as number;
}

/** Writes a digit with a hand of its own: slant, proportions, size, place, and a certain carelessness. */
function write(canvas: Canvas, shape: Shape, random: Random): void {
  const place = placement(random);
  const carelessness = 2 + 3.5 * random.uniform();
  const pen = { radius: 0.75 + 0.95 * random.uniform(), swell: 0.25 * random.uniform(), softness: 0.7, ink: 1 };
  for (const { points, corners } of shape) {
    const moved = new Float32Array(points.length);
    for (let i = 0; i < points.length; i += 2) {
      const x = (points[i] as number) + carelessness * random.normal();
      const y = (points[i + 1] as number) + carelessness * random.normal();
      [moved[i], moved[i + 1]] = place(x, y);
    }
    drawStroke(canvas, pen, moved, corners);
  }
}

/** From the box of 100 by 100 to pixels: bent, sheared, scaled, turned and moved. */
function placement(random: Random): (x: number, y: number) => [number, number] {
  const angle = 0.14 * random.normal();
  const slant = 0.12 + 0.2 * random.normal();
  const width = (BOX / 100) * (0.75 + 0.4 * random.uniform());
  const height = (BOX / 100) * (0.82 + 0.28 * random.uniform());
  const bend = 5 * random.normal();
  const [centreX, centreY] = [(SIZE - 1) / 2 + 0.9 * random.normal(), (SIZE - 1) / 2 + 0.9 * random.normal()];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => {
    const v = (y - 50) * height;
    const u = (x - 50 + bend * Math.cos((y / 50 - 1) * 2)) * width - slant * v;
    return [centreX + cos * u - sin * v, centreY + sin * u + cos * v];
  };
}

/** A short stroke that does not belong to the digit. */
function distract(canvas: Canvas, random: Random): void {
  const pen: Pen = { radius: 0.5 + 0.4 * random.uniform(), swell: 0, softness: 0.7, ink: 0.4 + 0.5 * random.uniform() };
  const [x, y] = [random.uniform() * SIZE, random.uniform() * SIZE];
  const angle = random.uniform() * Math.PI * 2;
  const length = 3 + 5 * random.uniform();
  const points = Float32Array.of(x, y, x + length * Math.cos(angle), y + length * Math.sin(angle));
  drawStroke(canvas, pen, points, [false, false]);
}

/** Blur, fading and grain, and rounding to bytes. */
function develop({ pixels }: Canvas, random: Random): Uint8Array {
  const blur = 0.22 * random.uniform();
  const strength = 255 * (0.75 + 0.25 * random.uniform());
  const grain = random.uniform() < 0.5 ? 0 : 28 * random.uniform();
  const bytes = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const centre = pixels[i] as number;
    const around = (at(pixels, i - 1) + at(pixels, i + 1) + at(pixels, i - SIZE) + at(pixels, i + SIZE)) / 4;
    const grey = strength * (centre + blur * 2 * (around - centre));
    // Two dice make a triangle, near enough to a bell.
    const bits = grain === 0 ? 0 : random.bits();
    const noise = grain * (((bits & 0xffff) + (bits >>> 16)) / 0xffff - 1);
    bytes[i] = Math.max(0, Math.min(255, Math.round(grey + noise)));
  }
  return bytes;
}

const at = (pixels: Float32Array, i: number): number => (i >= 0 && i < pixels.length ? (pixels[i] as number) : 0);
