/** Gradient clipping: pure functions from gradients by name to new gradients. Nothing is read back. */
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';

/** Gradients after clipping, and the norm that all of them had together before it. All are new tensors. */
export interface ClippedGradients {
  readonly gradients: Record<string, tf.Tensor>;
  readonly totalNorm: tf.Scalar;
}

/** Options of {@link clipGradNorm}. */
export interface ClipGradNormOptions {
  /** The p of the p-norm, `Infinity` for the largest magnitude. Default 2. */
  normType?: number | undefined;
}

/** What PyTorch adds to the norm before dividing by it. */
const EPSILON = 1e-6;

/**
 * Scales all gradients by one factor, so that their joint norm is at most `maxNorm`, as
 * `torch.nn.utils.clip_grad_norm_` does (Pascanu et al. 2013). The gradients given are left as they are.
 *
 * @throws ConfigError for a norm or a limit that is not above 0
 * @example
 * ```ts
 * const { gradients, totalNorm } = clipGradNorm(grads, 1);
 * optimizer.step(gradients);
 * tf.dispose([gradients, totalNorm]);
 * ```
 */
export function clipGradNorm(
  gradients: Readonly<Record<string, tf.Tensor | null | undefined>>,
  maxNorm: number,
  { normType = 2 }: ClipGradNormOptions = {},
): ClippedGradients {
  checkPositive('clipGradNorm', 'maxNorm', maxNorm);
  checkPositive('clipGradNorm', 'normType', normType);
  return tf.tidy(() => {
    const present = presentOf(gradients);
    const totalNorm = normOf(Object.values(present), normType);
    const factor = tf.minimum(tf.div(maxNorm, tf.add(totalNorm, EPSILON)), 1);
    return { gradients: mapValues(present, (gradient) => tf.mul(gradient, factor)), totalNorm };
  });
}

/**
 * Limits every element of every gradient to -clipValue … clipValue. The gradients given are left as they are.
 *
 * @throws ConfigError for a limit that is not above 0
 */
export function clipGradValue(
  gradients: Readonly<Record<string, tf.Tensor | null | undefined>>,
  clipValue: number,
): Record<string, tf.Tensor> {
  checkPositive('clipGradValue', 'clipValue', clipValue);
  return tf.tidy(() => mapValues(presentOf(gradients), (gradient) => tf.clipByValue(gradient, -clipValue, clipValue)));
}

/**
 * The norm of all gradients together, as one scalar tensor.
 *
 * @param normType the p of the p-norm, `Infinity` for the largest magnitude
 */
export function totalGradNorm(
  gradients: Readonly<Record<string, tf.Tensor | null | undefined>>,
  normType = 2,
): tf.Scalar {
  checkPositive('totalGradNorm', 'normType', normType);
  return tf.tidy(() => normOf(Object.values(presentOf(gradients)), normType));
}

function normOf(gradients: readonly tf.Tensor[], p: number): tf.Scalar {
  if (gradients.length === 0) return tf.scalar(0);
  if (p === Number.POSITIVE_INFINITY) return tf.max(tf.stack(gradients.map((gradient) => tf.max(tf.abs(gradient)))));
  const power = (gradient: tf.Tensor) => (p === 2 ? tf.square(gradient) : tf.pow(tf.abs(gradient), p));
  const sum = tf.addN(gradients.map((gradient) => tf.sum(power(gradient)))) as tf.Scalar;
  return p === 2 ? tf.sqrt(sum) : tf.pow(sum, 1 / p);
}

function presentOf(gradients: Readonly<Record<string, tf.Tensor | null | undefined>>): Record<string, tf.Tensor> {
  const present: Record<string, tf.Tensor> = {};
  for (const name in gradients) {
    const gradient = gradients[name];
    if (gradient) present[name] = gradient;
  }
  return present;
}

function mapValues(record: Record<string, tf.Tensor>, change: (tensor: tf.Tensor) => tf.Tensor) {
  const changed: Record<string, tf.Tensor> = {};
  for (const name in record) changed[name] = change(record[name] as tf.Tensor);
  return changed;
}

function checkPositive(owner: string, name: string, value: number): void {
  if (value > 0) return;
  throw new ConfigError(`${owner}: \`${name}\``, {
    code: 'invalid-option',
    expected: 'a number above 0',
    got: show(value),
  });
}
