/** Parts of images, cut out at random. */
import { z } from 'zod';
import { DataError } from '../../core/errors.ts';
import { parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import type { Random } from '../../core/random.ts';
import type { BatchTransform } from '../transforms.ts';
import { type ColumnOption, columnShape, type Extent, type Pixels, resizing } from './image.ts';
import { type Box, scaleBox } from './resample.ts';

/** One number for squares, or height and width. */
export type ImageSize = number | readonly [height: number, width: number];

/** Options of {@link randomCrop}. */
export interface RandomCropOptions extends ColumnOption {
  readonly size: ImageSize;
  /** Zeros that are laid around the image first, in pixels on each side. Default 0. */
  readonly padding?: number | undefined;
}

/** Options of {@link randomResizedCrop}. */
export interface RandomResizedCropOptions extends ColumnOption {
  readonly size: ImageSize;
  /** The part's share of the image's area. Default 0.08 to 1. */
  readonly scale?: readonly [smallest: number, largest: number] | undefined;
  /** The part's width by its height. Default 3/4 to 4/3. */
  readonly ratio?: readonly [smallest: number, largest: number] | undefined;
}

const size = z.union([wholeNumber(1), z.tuple([wholeNumber(1), wholeNumber(1)]).readonly()], {
  error: 'a whole number of at least 1, or [height, width]',
});
const range = z
  .tuple([positiveNumber(), positiveNumber()], { error: 'two numbers above 0, the smaller first' })
  .refine(([a, b]) => a <= b, { error: 'two numbers above 0, the smaller first' })
  .readonly();
const cropSchema = z.strictObject({ ...columnShape, size, padding: wholeNumber(0).default(0) });
const resizedSchema = z.strictObject({
  ...columnShape,
  size,
  scale: range.default([0.08, 1]),
  ratio: range.default([3 / 4, 4 / 3]),
});

const sidesOf = (given: ImageSize): readonly [number, number] => (typeof given === 'number' ? [given, given] : given);

/**
 * Cuts out a part of `size` at a random place.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`, DataError `image-too-small`
 *
 * @example
 * ```ts
 * new DataLoader(cifar.train, { transform: randomCrop({ size: 32, padding: 4 }) });
 * ```
 */
export function randomCrop(options: RandomCropOptions): BatchTransform {
  const parsed = parseOptions('randomCrop', cropSchema, options);
  const { padding } = parsed;
  return resizing(
    { module: import.meta.url, name: 'randomCrop', options: parsed },
    sidesOf(parsed.size),
    (from, to, random) => {
      const freeY = from.height + 2 * padding - to.height;
      const freeX = from.width + 2 * padding - to.width;
      if (freeY < 0 || freeX < 0) throw tooSmall(from, to, padding);
      copyPart(from, to, random.integer(freeY + 1) - padding, random.integer(freeX + 1) - padding);
    },
  );
}

/**
 * Cuts out a part of random area, proportions and place, and scales it to `size`: the augmentation of Inception
 * (Szegedy et al. 2015), with torchvision's way of drawing the part.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * new DataLoader(photographs, { workers: 2, transform: randomResizedCrop({ size: 224, scale: [0.3, 1] }) });
 * ```
 */
export function randomResizedCrop(options: RandomResizedCropOptions): BatchTransform {
  const parsed = parseOptions('randomResizedCrop', resizedSchema, options);
  return resizing(
    { module: import.meta.url, name: 'randomResizedCrop', options: parsed },
    sidesOf(parsed.size),
    (from, to, random) => scaleBox(from, drawPart(from, parsed.scale, parsed.ratio, random), to),
  );
}

function drawPart(
  { height, width }: Extent,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: Random,
): Box {
  const [least, most] = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * (scale[0] + random.uniform() * (scale[1] - scale[0]));
    const shape = Math.exp(least + random.uniform() * (most - least));
    const w = Math.round(Math.sqrt(area * shape));
    const h = Math.round(Math.sqrt(area / shape));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { top: random.integer(height - h + 1), left: random.integer(width - w + 1), height: h, width: w };
  }
  const shape = Math.min(ratio[1], Math.max(ratio[0], width / height));
  const w = Math.min(width, Math.max(1, Math.round(height * shape)));
  const h = Math.min(height, Math.max(1, Math.round(width / shape)));
  return { top: (height - h) >> 1, left: (width - w) >> 1, height: h, width: w };
}

/** Copies what of `from` lies under `to` when its corner is put at (top, left). */
function copyPart(from: Pixels, to: Pixels, top: number, left: number): void {
  const first = Math.max(0, left);
  const end = Math.min(from.width, left + to.width);
  if (first >= end) return;
  for (let y = 0; y < to.height; y++) {
    const line = top + y;
    if (line < 0 || line >= from.height) continue;
    const part = from.data.subarray(
      (line * from.width + first) * from.channels,
      (line * from.width + end) * from.channels,
    );
    to.data.set(part, (y * to.width + first - left) * to.channels);
  }
}

const tooSmall = (from: Extent, to: Extent, padding: number): DataError =>
  new DataError('randomCrop: the image is too small', {
    code: 'image-too-small',
    expected: `at least ${to.height} x ${to.width} pixels with its padding of ${padding}`,
    got: `${from.height} x ${from.width}`,
    help: 'decode images at a larger size, or add padding',
  });
