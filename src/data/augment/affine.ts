/** Images turned, moved, scaled and sheared at random. */
import { z } from 'zod';
import { anyThat, numberBetween, parseOptions } from '../../core/options.ts';
import type { Random } from '../../core/random.ts';
import type { BatchTransform } from '../transforms.ts';
import { type ColumnOption, columnShape, editing, type Pixels } from './image.ts';
import { type AffineMap, warp } from './resample.ts';

/** Options of {@link randomRotation}. */
export interface RandomRotationOptions extends ColumnOption {
  /** The largest angle, either way. From 0 to 180. */
  readonly degrees: number;
  /** The value of what comes in from outside. Default 0. */
  readonly fill?: number | undefined;
}

/** Options of {@link randomAffine}. */
export interface RandomAffineOptions extends ColumnOption {
  /** The largest angle, either way. From 0 to 180; default 0. */
  readonly degrees?: number | undefined;
  /** The largest move, either way, as parts of height and width. From 0 to 1; default 0. */
  readonly translate?: number | undefined;
  /** Factors of size. Default none: 1 to 1. */
  readonly scale?: readonly [smallest: number, largest: number] | undefined;
  /** The largest angle of shearing along the lines, either way. From 0 to 80; default 0. */
  readonly shear?: number | undefined;
  /** The value of what comes in from outside. Default 0. */
  readonly fill?: number | undefined;
}

const isRange = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value[0] > 0 && value[0] <= value[1] && Number.isFinite(value[1]);
const fill = z.number({ error: 'a number' }).default(0);
const rotationSchema = z.strictObject({ ...columnShape, degrees: numberBetween(0, 180), fill });
const affineSchema = z.strictObject({
  ...columnShape,
  degrees: numberBetween(0, 180).default(0),
  translate: numberBetween(0, 1).default(0),
  scale: anyThat<readonly [number, number]>('two numbers above 0, the smaller first', isRange).default([1, 1]),
  shear: numberBetween(0, 80).default(0),
  fill,
});

/**
 * Turns images about their centre by a random angle, with bilinear interpolation.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * new DataLoader(retinas, { transform: randomRotation({ degrees: 180 }) });
 * ```
 */
export function randomRotation(options: RandomRotationOptions): BatchTransform {
  const parsed = parseOptions('randomRotation', rotationSchema, options);
  return editing({ module: import.meta.url, name: 'randomRotation', options: parsed }, (image, random) =>
    warp(image, inverseAffine({ degrees: either(parsed.degrees, random) }), parsed.fill),
  );
}

/**
 * Turns, shears, scales and moves images at random, in one go.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * randomAffine({ degrees: 15, translate: 0.1, scale: [0.9, 1.1], shear: 5 });
 * ```
 */
export function randomAffine(options: RandomAffineOptions = {}): BatchTransform {
  const parsed = parseOptions('randomAffine', affineSchema, options);
  const { degrees, translate, scale, shear } = parsed;
  return editing({ module: import.meta.url, name: 'randomAffine', options: parsed }, (image, random) => {
    const drawn = {
      degrees: either(degrees, random),
      shear: either(shear, random),
      scale: scale[0] + random.uniform() * (scale[1] - scale[0]),
      moveX: either(translate, random) * image.width,
      moveY: either(translate, random) * image.height,
    };
    warp(image, inverseAffine(drawn), parsed.fill);
  });
}

const either = (most: number, random: Random): number => (2 * random.uniform() - 1) * most;

/** An affine change: the image is sheared, scaled, turned anticlockwise, then moved right and down, in pixels. */
interface AffineChange {
  readonly degrees?: number;
  readonly shear?: number;
  readonly shearY?: number;
  readonly scale?: number;
  readonly moveX?: number;
  readonly moveY?: number;
}

/** The map from a pixel of the result to where it comes from. Shears are angles in degrees. */
export function inverseAffine(change: AffineChange): AffineMap {
  const { degrees = 0, shear = 0, shearY = 0, scale = 1, moveX = 0, moveY = 0 } = change;
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const [kx, ky] = [Math.tan((shear * Math.PI) / 180), Math.tan((shearY * Math.PI) / 180)];
  // First undo the turn, in coordinates whose y goes down, then the shears.
  const a = cos - kx * sin;
  const b = -sin - kx * cos;
  const d = sin - ky * cos;
  const e = cos + ky * sin;
  return [a, b, -(a * moveX + b * moveY), d, e, -(d * moveX + e * moveY)];
}

/** Moves, turns and shears an image by what is given. */
export const applyAffine = (image: Pixels, change: AffineChange): void => warp(image, inverseAffine(change), 0);
