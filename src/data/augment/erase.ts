/** Random erasing (Zhong et al. 2017): a rectangle of each image is painted over. */
import { z } from 'zod';
import { anyThat, numberBetween, oneOf, parseOptions } from '../../core/options.ts';
import type { BatchTransform } from '../transforms.ts';
import { type ColumnOption, columnShape, editing, isWhole, whiteOf } from './image.ts';

/** Options of {@link randomErasing}. */
export interface RandomErasingOptions extends ColumnOption {
  /** How often an image is erased. From 0 to 1; default 0.5. */
  readonly probability?: number | undefined;
  /** The rectangle's share of the image's area. Default 0.02 to 0.33. */
  readonly scale?: readonly [smallest: number, largest: number] | undefined;
  /** The rectangle's height by its width. Default 0.3 to 3.3. */
  readonly ratio?: readonly [smallest: number, largest: number] | undefined;
  /** A number (default 0), or `'noise'`: each value drawn between black and white. */
  readonly value?: number | 'noise' | undefined;
}

const isRange = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value[0] > 0 && value[0] <= value[1] && Number.isFinite(value[1]);
const range = () => anyThat<readonly [number, number]>('two numbers above 0, the smaller first', isRange);
const schema = z.strictObject({
  ...columnShape,
  probability: numberBetween(0, 1).default(0.5),
  scale: range().default([0.02, 0.33]),
  ratio: range().default([0.3, 3.3]),
  value: z.union([z.number(), oneOf('noise')], { error: "a number, or 'noise'" }).default(0),
});

/**
 * Paints over a rectangle of random area, proportions and place.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`
 *
 * @example
 * ```ts
 * compose([randomHorizontalFlip(), randomErasing({ probability: 0.25, value: 'noise' })]);
 * ```
 */
export function randomErasing(options: RandomErasingOptions = {}): BatchTransform {
  const parsed = parseOptions('randomErasing', schema, options);
  const { probability, scale, value } = parsed;
  const [least, most] = [Math.log(parsed.ratio[0]), Math.log(parsed.ratio[1])];
  return editing({ module: import.meta.url, name: 'randomErasing', options: parsed }, (image, random) => {
    if (random.uniform() >= probability) return;
    const { data, height, width, channels } = image;
    const white = whiteOf(image);
    const round = isWhole(image);
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * (scale[0] + random.uniform() * (scale[1] - scale[0]));
      const shape = Math.exp(least + random.uniform() * (most - least));
      const h = Math.round(Math.sqrt(area * shape));
      const w = Math.round(Math.sqrt(area / shape));
      if (h < 1 || w < 1 || h >= height || w >= width) continue;
      const top = random.integer(height - h + 1);
      const left = random.integer(width - w + 1);
      for (let y = top; y < top + h; y++) {
        const from = (y * width + left) * channels;
        const to = from + w * channels;
        if (value !== 'noise') data.fill(value, from, to);
        else
          for (let i = from; i < to; i++) {
            const drawn = random.uniform() * white;
            data[i] = round ? Math.round(drawn) : drawn;
          }
      }
      return;
    }
  });
}
