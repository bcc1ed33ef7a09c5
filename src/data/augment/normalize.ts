/** Images brought to mean 0 and variance 1 with statistics that are measured once and stored. */
import { z } from 'zod';
import { ConfigError, DataError } from '../../core/errors.ts';
import { parseOptions, text, wholeNumber } from '../../core/options.ts';
import type { Dataset } from '../dataset.ts';
import { isHostTensor } from '../host.ts';
import type { BatchTransform } from '../transforms.ts';
import { type ColumnOption, columnShape, imagesOf, remembered } from './image.ts';

/** Mean and standard deviation of each channel: plain data, to be stored beside the weights. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Options of {@link normalize}: numbers in the units of the pixels, one per channel or one for all. */
export interface NormalizeOptions extends ChannelStatistics, ColumnOption {}

const numbers = z.array(z.number(), { error: 'a list of numbers' }).min(1).readonly();
const schema = z.strictObject({
  ...columnShape,
  mean: numbers,
  std: numbers.refine((list) => list.every((value) => value > 0), { error: 'numbers above 0' }),
});

/**
 * Subtracts the mean and divides by the standard deviation, by channel. Gives float32. It belongs last in a composition,
 * and to validation as well as to training.
 *
 * @throws ConfigError `invalid-option`; while loading `transform-column`, DataError `channel-count`
 *
 * @example
 * ```ts
 * const imagenet = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
 * ```
 */
export function normalize(options: NormalizeOptions): BatchTransform {
  const parsed = parseOptions('normalize', schema, options);
  const { mean, std, column } = parsed;
  if (mean.length !== std.length) {
    throw new ConfigError('normalize', {
      code: 'invalid-option',
      expected: 'as many `std` as `mean`',
      got: `${mean.length} and ${std.length}`,
    });
  }
  return remembered(
    { module: import.meta.url, name: 'normalize', options: parsed },
    {
      batch(batch) {
        const { data, shape } = imagesOf('normalize', column, batch);
        const channels = shape[3] ?? 1;
        if (mean.length !== 1 && mean.length !== channels) throw otherChannels(mean.length, channels);
        // A gathered batch is nobody else's: it is changed in place where it can be.
        const normalized = data instanceof Float32Array ? data : Float32Array.from(data);
        for (let channel = 0; channel < mean.length; channel++) {
          const [middle, spread] = [mean[channel] as number, std[channel] as number];
          for (let i = channel; i < normalized.length; i += mean.length) {
            normalized[i] = ((normalized[i] as number) - middle) / spread;
          }
        }
        return { ...batch, [column]: { data: normalized, shape, dtype: 'float32' } };
      },
    },
  );
}

const statisticsSchema = z.strictObject({ column: text().default('x'), samples: wholeNumber(1).optional() });

/**
 * Measures the mean and standard deviation of each channel, over all pixels of all images.
 *
 * @param options `column`: the images in a sample, default 'x'; `samples`: measure only so many, spread evenly
 * @throws DataError `no-images` when samples have no images; ConfigError `invalid-option`
 *
 * @example
 * ```ts
 * const statistics = await channelStatistics(train, { samples: 1000 });
 * writeFileSync('statistics.json', JSON.stringify(statistics)); // for the day the model is used
 * const loader = new DataLoader(train, { transform: normalize(statistics) });
 * ```
 */
export async function channelStatistics(
  dataset: Dataset,
  options: { column?: string | undefined; samples?: number | undefined } = {},
): Promise<ChannelStatistics> {
  const { column, samples = dataset.length } = parseOptions('channelStatistics', statisticsSchema, options);
  const count = Math.min(samples, dataset.length);
  let sums: Float64Array | undefined;
  let squares = new Float64Array(0);
  let pixels = 0;
  for (let n = 0; n < count; n++) {
    const sample = (await dataset.get(Math.floor((n * dataset.length) / count))) as Record<string, unknown> | undefined;
    const image = sample?.[column];
    if (!isHostTensor(image) || image.shape.length < 2) throw noImages(column);
    const channels = image.shape[2] ?? 1;
    if (sums === undefined) [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
    if (sums.length !== channels) throw otherChannels(sums.length, channels);
    for (let i = 0; i < image.data.length; i++) {
      const value = image.data[i] as number;
      sums[i % channels] = (sums[i % channels] as number) + value;
      squares[i % channels] = (squares[i % channels] as number) + value * value;
    }
    pixels += image.data.length / channels;
  }
  if (sums === undefined) throw noImages(column);
  const mean = Array.from(sums, (sum) => sum / pixels);
  return { mean, std: mean.map((m, c) => Math.sqrt(Math.max(0, (squares[c] as number) / pixels - m * m))) };
}

const noImages = (column: string): DataError =>
  new DataError('channelStatistics', {
    code: 'no-images',
    expected: `samples with an image [height, width, channels] as \`${column}\``,
  });

const otherChannels = (expected: number, got: number): DataError =>
  new DataError('The images have another number of channels', {
    code: 'channel-count',
    expected: `${expected}`,
    got: `${got}`,
  });
