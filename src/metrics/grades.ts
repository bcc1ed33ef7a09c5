/** Metrics over an epoch for uneven and ordered classes, all made from a confusion matrix. */
import type * as tf from '../core/tf.ts';
import { confusionMatrix } from './confusion.ts';
import { EpochMetric } from './epoch.ts';
import { checkClasses } from './inputs.ts';
import { kappaOf } from './kappa.ts';
import { sensitivityOf, specificityOf } from './rates.ts';

/** Counts by true and predicted class, and a value of them. */
abstract class OfConfusion<Value> extends EpochMetric<Value> {
  readonly classes: number;

  /** @throws ConfigError for a wrong number of classes */
  constructor(classes: number) {
    checkClasses(new.target.name, classes);
    super(classes * classes);
    this.classes = classes;
  }

  protected measure(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
    return confusionMatrix(predictions, labels, this.classes);
  }

  /** Rows are the true classes. */
  protected get matrix(): number[][] {
    const { classes, counts } = this;
    return Array.from({ length: classes }, (_, row) => [...counts.subarray(row * classes, (row + 1) * classes)]);
  }
}

/** How often each class was taken for each: rows are the true classes, columns the predicted ones. */
export class ConfusionMatrix extends OfConfusion<number[][]> {
  /** Counts by true class and predicted class. */
  compute(): number[][] {
    return this.matrix;
  }
}

/** Quadratic weighted kappa over an epoch; see `quadraticWeightedKappa`. */
export class QuadraticWeightedKappa extends OfConfusion<number> {
  /** From -1 to 1; NaN when all grades are one and the same. */
  compute(): number {
    return kappaOf(this.matrix);
  }
}

/** The share of each class that is found, over an epoch; see `sensitivity`. */
export class Sensitivity extends OfConfusion<number[]> {
  /** One number per class; NaN for a class without samples. */
  compute(): number[] {
    return sensitivityOf(this.matrix);
  }
}

/** The share of the others that is left alone, over an epoch; see `specificity`. */
export class Specificity extends OfConfusion<number[]> {
  /** One number per class; NaN where there are no other samples. */
  compute(): number[] {
    return specificityOf(this.matrix);
  }
}
