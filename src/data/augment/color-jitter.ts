/** Brightness, contrast, saturation and hue changed at random. */
import { z } from 'zod';
import { numberBetween, parseOptions } from '../../core/options.ts';
import type { Random } from '../../core/random.ts';
import type { BatchTransform } from '../transforms.ts';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from './colour.ts';
import { type ColumnOption, columnShape, editing, type Pixels } from './image.ts';

/** Options of {@link colorJitter}. Each defaults to 0, which changes nothing. */
export interface ColorJitterOptions extends ColumnOption {
  /** The factor is drawn from 1 - brightness to 1 + brightness, but not below 0. */
  readonly brightness?: number | undefined;
  /** Likewise. */
  readonly contrast?: number | undefined;
  /** Likewise. */
  readonly saturation?: number | undefined;
  /** Hues move by up to this part of the circle, either way. From 0 to 0.5. */
  readonly hue?: number | undefined;
}

const amount = () => numberBetween(0, Number.POSITIVE_INFINITY).default(0);
const schema = z.strictObject({
  ...columnShape,
  brightness: amount(),
  contrast: amount(),
  saturation: amount(),
  hue: numberBetween(0, 0.5).default(0),
});

const CHANGES: readonly ((image: Pixels, amount: number) => void)[] = [
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustHue,
];

/**
 * Changes brightness, contrast, saturation and hue by random factors, in random order, as torchvision's `ColorJitter`.
 * White is 1 in floating-point images and 255 in images of whole numbers, 65535 in 16-bit ones.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * new DataLoader(photographs, { transform: colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.05 }) });
 * ```
 */
export function colorJitter(options: ColorJitterOptions = {}): BatchTransform {
  const parsed = parseOptions('colorJitter', schema, options);
  const { brightness, contrast, saturation, hue } = parsed;
  return editing({ module: import.meta.url, name: 'colorJitter', options: parsed }, (image, random) => {
    const amounts = [
      factor(brightness, random),
      factor(contrast, random),
      factor(saturation, random),
      (2 * random.uniform() - 1) * hue,
    ];
    const unchanged = [1, 1, 1, 0];
    for (const which of random.shuffle([0, 1, 2, 3])) {
      const given = amounts[which] as number;
      if (given !== unchanged[which]) CHANGES[which]?.(image, given);
    }
  });
}

const factor = (by: number, random: Random): number => Math.max(0, 1 + (2 * random.uniform() - 1) * by);
