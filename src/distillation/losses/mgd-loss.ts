/** Masked generative distillation: the student's map, most of it hidden, has to be completed to the teacher's. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { numberBetween, parseOptions, positiveNumber } from '../../core/options.ts';
import { globalRandom } from '../../core/seed.ts';
import * as tf from '../../core/tf.ts';
import { checkFeatures } from '../../losses/distillation/features.ts';
import { type FoundVariable, findVariables } from '../../module/variables.ts';
import type { DistillationLoss } from './loss.ts';

/** Options of {@link MGDLoss}. */
export interface MGDLossOptions {
  /** The weight of the loss. Default 1. */
  alpha?: number | undefined;
  /** The share of pixels that is hidden, λ. Default 0.65. */
  lambda?: number | undefined;
}

interface MgdLayers {
  readonly align?: tf.layers.Layer;
  readonly generation: tf.LayersModel;
}

const schema = z.strictObject({ alpha: positiveNumber().default(1), lambda: numberBetween(0, 1).default(0.65) });

/**
 * MGD (Yang et al. 2022, arXiv 2205.01529): brings the student's map to the teacher's channels by a 1×1 convolution where they
 * differ, hides `lambda` of the pixels at random, generates the teacher's map by two 3×3 convolutions, and takes the mean
 * squared difference. Its convolutions are trained with the student and dropped by `exportStudent`.
 *
 * @throws ConfigError for layers that are no maps; DataError `feature-shape` when the maps differ in size
 * @example
 * ```ts
 * const criterion = [{ student: 'conv2', teacher: 'block4', loss: new MGDLoss({ lambda: 0.5 }) }];
 * ```
 */
export class MGDLoss implements DistillationLoss {
  readonly name = 'MGDLoss';
  readonly #alpha: number;
  readonly #lambda: number;
  #layers: MgdLayers | undefined;

  constructor(options: MGDLossOptions = {}) {
    const { alpha, lambda } = parseOptions('MGDLoss', schema, options);
    this.#alpha = alpha;
    this.#lambda = lambda;
  }

  build(student: readonly (number | null)[], teacher: readonly (number | null)[]): void {
    if (student.length !== 4 || teacher.length !== 4) {
      throw new ConfigError('MGDLoss', {
        code: 'feature-shape',
        expected: 'layers that give maps [batch, height, width, channels]',
        got: `[${student.slice(1)}] and [${teacher.slice(1)}]`,
      });
    }
    const [own, channels] = [student[3] as number, teacher[3] as number];
    const conv = (kernelSize: number, activation?: 'relu'): tf.layers.Layer =>
      tf.layers.conv2d({ filters: channels, kernelSize, padding: 'same', ...(activation && { activation }) });
    const image = tf.input({ shape: [teacher[1] ?? null, teacher[2] ?? null, channels] });
    const hidden = conv(3, 'relu').apply(image) as tf.SymbolicTensor;
    const generation = tf.model({ inputs: image, outputs: conv(3).apply(hidden) as tf.SymbolicTensor });
    if (own === channels) {
      this.#layers = { generation };
      return;
    }
    const align = conv(1);
    align.build([null, student[1] ?? null, student[2] ?? null, own]);
    this.#layers = { align, generation };
  }

  compute(student: tf.Tensor, teacher: tf.Tensor): tf.Tensor {
    const { align, generation } = this.#layers as MgdLayers;
    const aligned = (align?.apply(student) as tf.Tensor | undefined) ?? student;
    checkFeatures('MGDLoss', aligned, teacher);
    const [batch, height, width] = aligned.shape as [number, number, number];
    const mask = new Float32Array(batch * height * width);
    globalRandom().fillBernoulli(mask, 1 - this.#lambda, 1);
    const generated = generation.apply(tf.mul(aligned, tf.tensor(mask, [batch, height, width, 1]))) as tf.Tensor;
    return tf.mul(tf.mean(tf.squaredDifference(generated, teacher)), this.#alpha);
  }

  foundVariables(): FoundVariable[] {
    return findVariables({ ...this.#layers });
  }
}
