/** RandAugment (Cubuk et al. 2019): a few changes, drawn from fourteen, all of one strength. */
import { z } from 'zod';
import { numberBetween, parseOptions, wholeNumber } from '../../core/options.ts';
import type { BatchTransform } from '../transforms.ts';
import { applyAffine } from './affine.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  posterize,
  solarize,
} from './colour.ts';
import { type ColumnOption, columnShape, editing, type Pixels } from './image.ts';

/** Options of {@link randAugment}. */
export interface RandAugmentOptions extends ColumnOption {
  /** Changes per image. Default 2. */
  readonly operations?: number | undefined;
  /** The strength of each, from 0 to 30. Default 9. */
  readonly magnitude?: number | undefined;
}

const schema = z.strictObject({
  ...columnShape,
  operations: wholeNumber(0).default(2),
  magnitude: numberBetween(0, 30).default(9),
});

const STRONGEST = 30;
const degrees = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;

/** Each takes the strength from 0 to 1 and a sign. The strengths at 1 are those of torchvision's `RandAugment`. */
const OPERATIONS: readonly ((image: Pixels, strength: number, sign: 1 | -1) => void)[] = [
  () => {},
  (image, strength, sign) => applyAffine(image, { shear: sign * degrees(0.3 * strength) }),
  (image, strength, sign) => applyAffine(image, { shearY: sign * degrees(0.3 * strength) }),
  (image, strength, sign) => applyAffine(image, { moveX: sign * Math.trunc((150 / 331) * strength * image.width) }),
  (image, strength, sign) => applyAffine(image, { moveY: sign * Math.trunc((150 / 331) * strength * image.height) }),
  (image, strength, sign) => applyAffine(image, { degrees: sign * 30 * strength }),
  (image, strength, sign) => adjustBrightness(image, 1 + sign * 0.9 * strength),
  (image, strength, sign) => adjustSaturation(image, 1 + sign * 0.9 * strength),
  (image, strength, sign) => adjustContrast(image, 1 + sign * 0.9 * strength),
  (image, strength, sign) => adjustSharpness(image, 1 + sign * 0.9 * strength),
  (image, strength) => posterize(image, 8 - Math.round(4 * strength)),
  (image, strength) => solarize(image, 1 - strength),
  autocontrast,
  equalize,
];

/**
 * Applies `operations` changes, drawn with replacement from: nothing, shear and move along either axis, rotation,
 * brightness, saturation, contrast, sharpness, posterize, solarize, autocontrast, equalize.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * new DataLoader(cifar.train, { transform: compose([randomCrop({ size: 32, padding: 4 }), randAugment({ magnitude: 7 })]) });
 * ```
 */
export function randAugment(options: RandAugmentOptions = {}): BatchTransform {
  const parsed = parseOptions('randAugment', schema, options);
  return editing({ module: import.meta.url, name: 'randAugment', options: parsed }, (image, random) => {
    for (let i = 0; i < parsed.operations; i++) {
      const operation = OPERATIONS[random.integer(OPERATIONS.length)];
      operation?.(image, parsed.magnitude / STRONGEST, random.uniform() < 0.5 ? 1 : -1);
    }
  });
}
