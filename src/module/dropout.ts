/** Dropout whose masks come from Kelvin's random stream: seeded by `seedEverything`, saved in checkpoints, fast. */
import { bernoulli } from '../core/bernoulli.ts';
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';

/** Configuration of {@link Dropout}. */
export interface DropoutConfig {
  /** The part of the inputs that is dropped, from 0 up to but not including 1. */
  rate: number;
  /** The layer's name. */
  name?: string;
}

/**
 * Inverted dropout (Srivastava et al. 2014): in training each input is zeroed with probability `rate` and the others are
 * scaled by `1 / (1 - rate)`; otherwise it passes inputs on. Unlike `tf.layers.dropout` it repeats for the same seed and
 * goes on exactly where it was when a run is resumed.
 *
 * @throws ConfigError `invalid-option` for a rate outside [0, 1)
 *
 * @example
 * ```ts
 * tf.sequential({ layers: [tf.layers.dense({ units: 64, inputShape: [784] }), new Dropout({ rate: 0.5 })] })
 * ```
 */
export class Dropout extends tf.layers.Layer {
  /** @nocollapse the name under which tfjs saves it */
  static readonly className = 'KelvinDropout';
  readonly rate: number;

  constructor(config: DropoutConfig) {
    super(config);
    if (!(config.rate >= 0 && config.rate < 1)) {
      throw new ConfigError('Dropout: option `rate`', {
        code: 'invalid-option',
        expected: 'a number from 0 up to but not including 1',
        got: show(config.rate),
      });
    }
    this.rate = config.rate;
    this.supportsMasking = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const x = Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs;
    if (!kwargs.training || this.rate === 0) return x;
    return tf.tidy(() => tf.mul(x, bernoulli(x.shape, 1 - this.rate, 1 / (1 - this.rate))));
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return inputShape;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), rate: this.rate };
  }
}

tf.serialization.registerClass(Dropout);
