/** Images mirrored at random. */
import { z } from 'zod';
import { numberBetween, parseOptions } from '../../core/options.ts';
import type { BatchTransform } from '../transforms.ts';
import { type ColumnOption, columnShape, editing, type Pixels } from './image.ts';

/** Options of {@link randomHorizontalFlip} and {@link randomVerticalFlip}. */
export interface FlipOptions extends ColumnOption {
  /** How often an image is mirrored. From 0 to 1; default 0.5. */
  readonly probability?: number | undefined;
}

const schema = z.strictObject({ ...columnShape, probability: numberBetween(0, 1).default(0.5) });

/**
 * Mirrors images left to right.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * new DataLoader(train, { transform: randomHorizontalFlip() });
 * ```
 */
export function randomHorizontalFlip(options: FlipOptions = {}): BatchTransform {
  const parsed = parseOptions('randomHorizontalFlip', schema, options);
  return editing(
    { module: import.meta.url, name: 'randomHorizontalFlip', options: parsed },
    (image, random) => void (random.uniform() < parsed.probability && flipHorizontally(image)),
  );
}

/**
 * Mirrors images top to bottom.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * compose([randomHorizontalFlip(), randomVerticalFlip()]); // retinas, cells and maps have no up and down
 * ```
 */
export function randomVerticalFlip(options: FlipOptions = {}): BatchTransform {
  const parsed = parseOptions('randomVerticalFlip', schema, options);
  return editing(
    { module: import.meta.url, name: 'randomVerticalFlip', options: parsed },
    (image, random) => void (random.uniform() < parsed.probability && flipVertically(image)),
  );
}

function flipHorizontally({ data, height, width, channels }: Pixels): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width >> 1; x++) {
      const a = (y * width + x) * channels;
      const b = (y * width + width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) {
        const kept = data[a + c] as number;
        data[a + c] = data[b + c] as number;
        data[b + c] = kept;
      }
    }
  }
}

function flipVertically({ data, height, width, channels }: Pixels): void {
  const stride = width * channels;
  for (let y = 0; y < height >> 1; y++) {
    const line = data.slice(y * stride, (y + 1) * stride);
    const other = (height - 1 - y) * stride;
    data.copyWithin(y * stride, other, other + stride);
    data.set(line, other);
  }
}
