/** Several teachers as one: the mean of their probabilities, or of their logits. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { numberBetween, oneOf, parseOptions } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import type { Teacher } from './as-source.ts';
import { asSource } from './as-source.ts';
import { logitsOfProbabilities } from './probabilities.ts';
import type { NetworkSize } from './size.ts';
import type { TeacherContext, TeacherSource } from './source.ts';

/** Options of {@link ensembleTeacher}. */
export interface EnsembleOptions {
  /** Mean of the softened `'probabilities'`, as Hinton's ensembles (default), or of the `'logits'`. */
  average?: 'probabilities' | 'logits' | undefined;
  /** A weight for each teacher; only their proportions count. Default: all equal. */
  weights?: readonly number[] | undefined;
}

const schema = z.strictObject({
  average: oneOf('probabilities', 'logits').default('probabilities'),
  weights: z.array(numberBetween(0, Number.POSITIVE_INFINITY)).optional(),
});

/**
 * Makes one teacher of several. The mean of probabilities is taken at the temperature of the loss, and given as the logits
 * that have it there. Features are those of the first teacher.
 *
 * @throws ConfigError for no teacher, for weights that do not fit, or teachers with different classes
 *
 * @example
 * ```ts
 * const teacher = ensembleTeacher([first, second, third], { weights: [2, 1, 1] });
 * ```
 */
export function ensembleTeacher(teachers: readonly Teacher[], options: EnsembleOptions = {}): TeacherSource {
  const { average, weights } = parseOptions('ensembleTeacher', schema, options);
  const sources = teachers.map(asSource);
  const shares = sharesOf(sources.length, weights);
  const classes = [...new Set(sources.flatMap((source) => source.classes ?? []))];
  if (classes.length > 1) {
    throw new ConfigError('ensembleTeacher', {
      code: 'class-mismatch',
      expected: 'teachers of the same classes',
      got: classes.join(' and '),
    });
  }
  const [first] = sources as [TeacherSource, ...TeacherSource[]];
  const combine = (answers: readonly tf.Tensor[], { temperature }: TeacherContext): tf.Tensor => {
    const weighted = (each: (logits: tf.Tensor) => tf.Tensor): tf.Tensor =>
      tf.addN(answers.map((logits, i) => tf.mul(each(logits), shares[i] as number)));
    if (average === 'logits') return weighted((logits) => logits);
    return tf.mul(logitsOfProbabilities(weighted((logits) => tf.softmax(tf.div(logits, temperature)))), temperature);
  };
  const total = (what: keyof NetworkSize): number | undefined =>
    sources.reduce<number | undefined>((sum, source) => plus(sum, source.size?.()[what]), 0);
  return {
    name: `ensemble of ${sources.map(({ name }) => name).join(', ')}`,
    classes: classes[0],
    labelSmoothing: Math.max(0, ...sources.map((source) => source.labelSmoothing ?? 0)),
    shapeOf: (tap) => first.shapeOf?.(tap),
    prepare: async (batch, batchIdx) => {
      for (const source of sources) await source.prepare?.(batch, batchIdx);
    },
    outputs: (x, taps, context) => {
      const answers = sources.map((source, i) => source.outputs(x, i === 0 ? taps : [''], context));
      const logits = answers.map((each) => each.get('') as tf.Tensor);
      return new Map([...(answers[0] as ReadonlyMap<string, tf.Tensor>), ['', combine(logits, context)]]);
    },
    size: () => ({ parameters: total('parameters'), bytes: total('bytes') }),
    fingerprint: () => sources.map((source) => source.fingerprint?.() ?? source.name).join('+'),
    dispose: () => {
      for (const source of sources) source.dispose?.();
    },
  };
}

const plus = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b;

function sharesOf(count: number, weights: readonly number[] = Array.from({ length: count }, () => 1)): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (count > 0 && weights.length === count && sum > 0) return weights.map((weight) => weight / sum);
  throw new ConfigError('ensembleTeacher', {
    code: 'invalid-option',
    expected: 'at least one teacher, and a weight for each that are not all 0',
    got: `${count} teachers and weights [${weights.join(', ')}]`,
  });
}
