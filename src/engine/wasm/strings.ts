/**
 * Strings lie outside the backend's memory, where its kernels would read whatever is at address zero: the kernels that
 * may be given some are computed by the cpu backend's for them.
 */
import * as tf from '../../core/tf.ts';
import { complete } from './kernels.ts';
import { computeOnCpu } from './via-cpu.ts';

const COMPARISONS = [tf.Equal, tf.NotEqual, tf.Greater, tf.GreaterEqual, tf.Less, tf.LessEqual];

/** Registers the comparisons, Fill, Tile and SparseToDense for strings, and StaticRegexReplace. */
export function completeStrings(): void {
  for (const name of [...COMPARISONS, tf.Fill, tf.Tile, tf.SparseToDense, tf.StaticRegexReplace])
    complete<{ dtype?: tf.DataType }>(name, (inputs, attrs, work) => {
      // Comparisons come without attributes.
      const strings = attrs?.dtype === 'string' || Object.values(inputs).some((one) => one?.dtype === 'string');
      return strings ? computeOnCpu(name, inputs, attrs, work) : work.native(inputs, attrs);
    });
}
