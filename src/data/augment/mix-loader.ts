/**
 * Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019): batches in which each image is blended with another one, or has a
 * rectangle of it, and whose labels are shares of classes. Done with tensors, on the engine, as batches pass by.
 */
import { z } from 'zod';
import { ConfigError, DataError, show } from '../../core/errors.ts';
import { numberBetween, parseOptions, wholeNumber } from '../../core/options.ts';
import { deriveSeed, Random } from '../../core/random.ts';
import * as tf from '../../core/tf.ts';
import type { DataLoaderState } from '../data-loader.ts';

/** Options of a {@link MixLoader}. */
export interface MixOptions {
  /** Number of classes. */
  readonly classes: number;
  /** Parameter of the Beta distribution of mixup; 0 (default) does without mixup. Customary: 0.2. */
  readonly mixup?: number | undefined;
  /** The same for CutMix; 0 (default) does without. Customary: 1. With both, a coin decides for each batch. */
  readonly cutmix?: number | undefined;
  /** How often a batch is mixed. From 0 to 1; default 1. */
  readonly probability?: number | undefined;
}

/** Images `[batch, height, width, channels]` and shares of classes `[batch, classes]`. */
export type MixedBatch = { x: tf.Tensor4D; y: tf.Tensor2D };

/** What a {@link MixLoader} takes its batches from: a DataLoader, or anything with its members. */
export interface MixSource extends AsyncIterable<{ x: tf.Tensor; y: tf.Tensor }> {
  readonly length: number;
  setEpoch(epoch: number): void;
  state(): DataLoaderState;
  loadState(state: DataLoaderState): void;
}

const schema = z.strictObject({
  classes: wholeNumber(2),
  mixup: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
  cutmix: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
  probability: numberBetween(0, 1).default(1),
});

/**
 * The batches of a loader, mixed. What is drawn depends on (seed, epoch, batch number) of that loader only, so that a
 * resumed run goes on with the same batches. Labels become shares, also in batches that are left as they are.
 *
 * @throws ConfigError `invalid-option`; DataError `batch-shape` while iterating
 *
 * @example
 * ```ts
 * const train = new MixLoader(new DataLoader(images, { shuffle: true }), { classes: 10, mixup: 0.2, cutmix: 1 });
 * await trainer.fit(model, { train, val });
 * ```
 */
export class MixLoader implements AsyncIterable<MixedBatch> {
  readonly #source: MixSource;
  readonly #options: z.output<typeof schema>;

  constructor(source: MixSource, options: MixOptions) {
    if (typeof source?.state !== 'function' || typeof source[Symbol.asyncIterator] !== 'function') {
      throw new ConfigError('MixLoader', { code: 'invalid-option', expected: 'a DataLoader', got: show(source) });
    }
    this.#source = source;
    this.#options = parseOptions('MixLoader', schema, options);
  }

  /** Batches per epoch. */
  get length(): number {
    return this.#source.length;
  }

  /** As {@link DataLoader.setEpoch}. */
  setEpoch(epoch: number): void {
    this.#source.setEpoch(epoch);
  }

  /** As {@link DataLoader.state}. */
  state(): DataLoaderState {
    return this.#source.state();
  }

  /** As {@link DataLoader.loadState}. */
  loadState(state: DataLoaderState): void {
    this.#source.loadState(state);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MixedBatch, undefined> {
    const batches = this.#source[Symbol.asyncIterator]();
    const { seed, epoch, batch: first } = this.#source.state();
    let number = first;
    for await (const batch of { [Symbol.asyncIterator]: () => batches }) {
      let mixed: MixedBatch;
      try {
        mixed = mix(batch, this.#options, new Random(deriveSeed(seed, epoch, number++, MIXING)));
      } finally {
        tf.dispose(batch);
      }
      yield mixed;
    }
    return undefined;
  }
}

/** Keeps these streams apart from those of the samples. */
const MIXING = 0x6d_69_78;

function mix({ x, y }: { x: tf.Tensor; y: tf.Tensor }, options: z.output<typeof schema>, random: Random): MixedBatch {
  if (x.rank !== 4 || y.rank > 2 || x.shape[0] !== y.shape[0]) throw noImages(x, y);
  const { classes, mixup, cutmix, probability } = options;
  return tf.tidy(() => {
    const images = tf.cast(x, 'float32') as tf.Tensor4D;
    const shares = y.rank === 2 ? y : tf.cast(tf.oneHot(tf.cast(y, 'int32') as tf.Tensor1D, classes), 'float32');
    const cut = cutmix > 0 && (mixup === 0 || random.uniform() < 0.5);
    const alpha = cut ? cutmix : mixup;
    if (alpha === 0 || random.uniform() >= probability)
      return { x: tf.clone(images), y: tf.clone(shares) as tf.Tensor2D };
    const kept = beta(alpha, random);
    const order = random.shuffle(Int32Array.from({ length: x.shape[0] as number }, (_, i) => i));
    const others = tf.tensor1d(order, 'int32');
    const partners = tf.gather(images, others);
    if (!cut)
      return { x: blend(images, partners, kept), y: blend(shares, tf.gather(shares, others), kept) } as MixedBatch;
    const { mask, outside } = window(images.shape, kept, random);
    const mixed = tf.add(images, tf.mul(tf.sub(partners, images), mask));
    return { x: mixed, y: blend(shares, tf.gather(shares, others), outside) } as MixedBatch;
  });
}

const blend = (a: tf.Tensor, b: tf.Tensor, share: number): tf.Tensor => tf.add(tf.mul(a, share), tf.mul(b, 1 - share));

/** A rectangle of about (1 - kept) of the area about a random centre, cut off at the border; 1 inside it. */
function window(
  [, height, width]: readonly [number, number, number, number],
  kept: number,
  random: Random,
): { mask: tf.Tensor; outside: number } {
  const side = Math.sqrt(1 - kept) / 2;
  const [cy, cx] = [random.integer(height), random.integer(width)];
  const [top, bottom] = [Math.max(0, Math.floor(cy - side * height)), Math.min(height, Math.floor(cy + side * height))];
  const [left, right] = [Math.max(0, Math.floor(cx - side * width)), Math.min(width, Math.floor(cx + side * width))];
  const inside = new Float32Array(height * width);
  for (let row = top; row < bottom; row++) inside.fill(1, row * width + left, row * width + right);
  const area = (bottom - top) * (right - left);
  return { mask: tf.tensor(inside, [1, height, width, 1]), outside: 1 - area / (height * width) };
}

/** Beta(a, a), as the share of one of two gamma variates. */
function beta(a: number, random: Random): number {
  const [one, other] = [gamma(a, random), gamma(a, random)];
  return one + other > 0 ? one / (one + other) : random.uniform() < 0.5 ? 0 : 1;
}

/** Gamma(a, 1) by Marsaglia and Tsang, "A simple method for generating gamma variables" (2000). */
function gamma(a: number, random: Random): number {
  if (a < 1) return gamma(a + 1, random) * (1 - random.uniform()) ** (1 / a);
  const d = a - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

const noImages = (x: tf.Tensor, y: tf.Tensor): DataError =>
  new DataError('MixLoader: this batch cannot be mixed', {
    code: 'batch-shape',
    expected: 'x [batch, height, width, channels] and y [batch] or [batch, classes]',
    got: `x [${x.shape.join(', ')}], y [${y.shape.join(', ')}]`,
  });
