/**
 * Augmentation on the host. Its randomness is derived from (seed, epoch, sample), so an augmented sample does not
 * depend on the batch it comes in, on prefetching, or on where a run was resumed.
 */
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { parseOptions, text, wholeNumber } from '../core/options.ts';
import type { Random } from '../core/random.ts';
import type { HostArray, HostBatch } from './host.ts';
import { withRecipe } from './workers/recipe.ts';

/** Changes a gathered batch; keeps the loader on its fast path. `randomOf(row)` is the stream of that row's sample. */
export interface BatchTransform {
  readonly batch: (batch: HostBatch, randomOf: (row: number) => Random) => HostBatch;
}

const shiftSchema = z.strictObject({ pixels: wholeNumber(0), column: text().default('x') });

/**
 * Moves every image by up to `pixels` in each direction, filling with zeros.
 *
 * @param options `pixels`: the largest shift; `column`: the images, `[batch, height, width]` or
 *   `[batch, height, width, channels]`, default 'x'
 * @throws ConfigError `transform-column` while loading, when the batch has no such images
 *
 * @example
 * ```ts
 * new DataLoader(train, { batchSize: 128, shuffle: true, transform: randomShift({ pixels: 2 }) });
 * ```
 */
export function randomShift(options: { pixels: number; column?: string | undefined }): BatchTransform {
  const { pixels, column } = parseOptions('randomShift', shiftSchema, options);
  const transform: BatchTransform = {
    batch(batch, randomOf) {
      const images = batch[column];
      if (!images || images.shape.length < 3) throw noImages(column, batch);
      const [rows, height, width, channels = 1] = images.shape as [number, number, number, number?];
      for (let row = 0; row < rows; row++) {
        const random = randomOf(row);
        const dy = clamp(random.integer(2 * pixels + 1) - pixels, height);
        const dx = clamp(random.integer(2 * pixels + 1) - pixels, width);
        shiftImage(images.data, row * height * width * channels, { height, width, channels }, dy, dx);
      }
      return batch;
    },
  };
  return withRecipe(transform, import.meta.url, 'randomShift', () => [{ pixels, column }]);
}

interface Extent {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Moves one image in place: all of it in one piece, then zeros over what came in from the other side. */
function shiftImage(data: HostArray, start: number, { height, width, channels }: Extent, dy: number, dx: number): void {
  const stride = width * channels;
  const end = start + height * stride;
  const by = dy * stride + dx * channels;
  if (by >= 0) data.copyWithin(start + by, start, end - by);
  else data.copyWithin(start, start - by, end);
  if (dy > 0) data.fill(0, start, start + dy * stride);
  if (dy < 0) data.fill(0, end + dy * stride, end);
  if (dx === 0) return;
  const from = dx > 0 ? 0 : stride + dx * channels;
  const to = dx > 0 ? dx * channels : stride;
  for (let line = start; line < end; line += stride) {
    for (let i = line + from; i < line + to; i++) data[i] = 0;
  }
}

const clamp = (shift: number, extent: number): number => Math.max(-extent, Math.min(extent, shift));

function noImages(column: string, batch: HostBatch): ConfigError {
  const found = Object.entries(batch).map(([name, { shape }]) => `\`${name}\` [${shape?.join(', ') ?? '?'}]`);
  return new ConfigError('randomShift', {
    code: 'transform-column',
    expected: `images [batch, height, width, channels] in \`${column}\``,
    got: found.join(', '),
  });
}
