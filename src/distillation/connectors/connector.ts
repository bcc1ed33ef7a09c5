/** Connectors: small layers that bring the student's features to the teacher's shape while it is distilled. */
import { ConfigError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { type FoundVariable, findVariables } from '../../module/variables.ts';

/**
 * `'conv1x1'` for maps, `'linear'` for rows; with `'…Bn'` batch normalisation behind it, as in mdistiller's ConvReg. Maps
 * of another size are average-pooled. A model of one's own is taken as it is.
 */
export type ConnectorKind = 'conv1x1' | 'conv1x1Bn' | 'linear' | 'linearBn';

type Shape = readonly (number | null)[];

/** Turns the student's features into the teacher's shape. Trained with the student, dropped by `exportStudent`. */
export class Connector {
  readonly #network: tf.LayersModel;

  /**
   * @param student the shape of the student's features, batch first
   * @param teacher the shape that they shall have
   * @throws ConfigError `connector-does-not-fit`
   */
  constructor(kind: ConnectorKind | tf.LayersModel, student: Shape, teacher: Shape) {
    this.#network = kind instanceof tf.LayersModel ? kind : build(kind, student, teacher);
  }

  apply(features: tf.Tensor): tf.Tensor {
    return this.#network.apply(features, { training: true }) as tf.Tensor;
  }

  foundVariables(): FoundVariable[] {
    return findVariables({ connector: this.#network });
  }
}

function build(kind: ConnectorKind, student: Shape, teacher: Shape): tf.LayersModel {
  const isMap = kind.startsWith('conv');
  const rank = isMap ? 4 : 2;
  const [own, units] = [student.at(-1), teacher.at(-1)];
  if (student.length !== rank || teacher.length !== rank || own == null || units == null) {
    throw misfit(kind, isMap ? 'maps [batch, height, width, channels]' : 'rows [batch, features]', student, teacher);
  }
  const input = tf.input({ shape: student.slice(1) as number[] });
  let features: tf.SymbolicTensor = input;
  if (isMap) {
    const by = poolSize(kind, student, teacher);
    if (by.some((size) => size > 1)) {
      features = tf.layers.averagePooling2d({ poolSize: by, strides: by }).apply(features) as tf.SymbolicTensor;
    }
  }
  const useBias = !kind.endsWith('Bn');
  const layer = isMap
    ? tf.layers.conv2d({ filters: units, kernelSize: 1, useBias })
    : tf.layers.dense({ units, useBias });
  features = layer.apply(features) as tf.SymbolicTensor;
  if (!useBias) features = tf.layers.batchNormalization().apply(features) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: features });
}

function poolSize(kind: ConnectorKind, student: Shape, teacher: Shape): [number, number] {
  const factors = [1, 2].map((axis) => (student[axis] ?? 1) / (teacher[axis] ?? student[axis] ?? 1));
  if (factors.every((factor) => Number.isInteger(factor) && factor >= 1)) return factors as [number, number];
  throw misfit(kind, "student maps whose size is a multiple of the teacher's", student, teacher);
}

function misfit(kind: string, expected: string, student: Shape, teacher: Shape): ConfigError {
  const text = (shape: Shape): string => `[${shape.slice(1).map((size) => size ?? '?')}]`;
  return new ConfigError(`The connector '${kind}'`, {
    code: 'connector-does-not-fit',
    expected,
    got: `${text(student)} for the student, ${text(teacher)} for the teacher`,
    help: 'tap other layers, or give a tf.LayersModel as the connector',
  });
}
