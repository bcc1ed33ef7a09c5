/**
 * Augmentation on the host. Its randomness is derived from (seed, epoch, sample), so an augmented sample does not
 * depend on the batch it comes in, on prefetching, or on where a run was resumed.
 */
import { z } from 'zod';
import { parseOptions, wholeNumber } from '../core/options.ts';
import type { Random } from '../core/random.ts';
import { columnShape, editing, type Pixels } from './augment/image.ts';
import type { HostBatch } from './host.ts';

/** Changes a gathered batch; keeps the loader on its fast path. `randomOf(row)` is the stream of that row's sample. */
export interface BatchTransform {
  readonly batch: (batch: HostBatch, randomOf: (row: number) => Random) => HostBatch;
}

const shiftSchema = z.strictObject({ ...columnShape, pixels: wholeNumber(0) });

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
  const parsed = parseOptions('randomShift', shiftSchema, options);
  const { pixels } = parsed;
  return editing({ module: import.meta.url, name: 'randomShift', options: parsed }, (image, random) => {
    const dy = clamp(random.integer(2 * pixels + 1) - pixels, image.height);
    const dx = clamp(random.integer(2 * pixels + 1) - pixels, image.width);
    shiftImage(image, dy, dx);
  });
}

/** Moves one image in place: all of it in one piece, then zeros over what came in from the other side. */
function shiftImage({ data, height, width, channels }: Pixels, dy: number, dx: number): void {
  const stride = width * channels;
  const end = height * stride;
  const by = dy * stride + dx * channels;
  if (by >= 0) data.copyWithin(by, 0, end - by);
  else data.copyWithin(0, -by, end);
  if (dy > 0) data.fill(0, 0, dy * stride);
  if (dy < 0) data.fill(0, end + dy * stride, end);
  if (dx === 0) return;
  const from = dx > 0 ? 0 : stride + dx * channels;
  const to = dx > 0 ? dx * channels : stride;
  for (let line = 0; line < end; line += stride) {
    for (let i = line + from; i < line + to; i++) data[i] = 0;
  }
}

const clamp = (shift: number, extent: number): number => Math.max(-extent, Math.min(extent, shift));
