/** The losses of a criterion with their connectors: what they compute, and the variables that they have. */
import { ConfigError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import type { FoundVariable } from '../module/variables.ts';
import type { WeighedLoss } from './balancers/balancer.ts';
import { Connector } from './connectors/connector.ts';
import type { DistillationContext } from './losses/loss.ts';
import type { ResolvedPair } from './pairs.ts';

type Shape = readonly (number | null)[];

/** Where the shapes of taps are known from. */
export interface TapShapes {
  student(path: string): Shape | undefined;
  teacher(path: string): Shape | undefined;
}

export class KdLosses {
  readonly #pairs: readonly { pair: ResolvedPair; connector: Connector | undefined }[];

  /** @throws ConfigError `connector-does-not-fit`, `shape-unknown` */
  constructor(pairs: readonly ResolvedPair[], shapes: TapShapes) {
    this.#pairs = pairs.map((pair) => {
      const needsShapes = pair.connector !== undefined || pair.loss.build !== undefined;
      if (!needsShapes) return { pair, connector: undefined };
      const student = known('student', pair, pair.student === '' ? undefined : shapes.student(pair.student));
      const teacher = known('teacher', pair, shapes.teacher(pair.teacher));
      pair.loss.build?.(pair.connector === undefined ? student : teacher, teacher);
      return { pair, connector: pair.connector && new Connector(pair.connector, student, teacher) };
    });
  }

  /** Each loss of a step, in the criterion's order. */
  compute(
    seen: { student: ReadonlyMap<string, tf.Tensor>; teacher: ReadonlyMap<string, tf.Tensor> },
    context: DistillationContext,
    reduction: (loss: tf.Tensor) => tf.Tensor,
  ): WeighedLoss[] {
    return this.#pairs.map(({ pair, connector }) => {
      const own = seen.student.get(pair.student) as tf.Tensor;
      const teacher = seen.teacher.get(pair.teacher) as tf.Tensor;
      const loss = (student: tf.Tensor): tf.Tensor => {
        const connected = connector?.apply(student) ?? student;
        const value = pair.loss.compute(connected, teacher, context);
        const scalar = value.size === 1 ? value : reduction(value);
        return pair.weight === 1 ? scalar : tf.mul(scalar, pair.weight);
      };
      return {
        name: pair.name,
        on: pair.student === '' ? 'output' : 'layer',
        value: loss(own),
        gradientNorm: () => tf.tidy(() => tf.norm(tf.grad((x: tf.Tensor) => loss(x))(own))),
      };
    });
  }

  foundVariables(): FoundVariable[] {
    return this.#pairs.flatMap(({ pair, connector }) =>
      [...(pair.loss.foundVariables?.() ?? []), ...(connector?.foundVariables() ?? [])].map((found) => ({
        ...found,
        name: `kd.${pair.name}.${found.name}`,
      })),
    );
  }
}

function known(side: string, pair: ResolvedPair, shape: Shape | undefined): Shape {
  if (shape !== undefined) return shape;
  throw new ConfigError(`The ${side}'s layer '${side === 'student' ? pair.student : pair.teacher}'`, {
    code: 'shape-unknown',
    expected: `a layer whose output has one known shape, for the connector or the variables of ${pair.name}`,
    help: 'tap a layer of a model that has been built and that is used once',
  });
}
