/**
 * The sizes and durations of the Hinton experiment. What the paper states is taken from it (section 3 of Hinton, Vinyals and Dean,
 * "Distilling the Knowledge in a Neural Network", 2015); it does not state optimizer, epochs, batch size or the weight of
 * the labels.
 */

/** How long something trains, and on which batches. */
export interface Schedule {
  readonly epochs: number;
  readonly batchSize: number;
  /** The highest; it falls to 0 along a cosine. */
  readonly learningRate: number;
  readonly optimizer: 'adam' | 'sgd';
  /** Steps over which the rate rises first. Default: none. */
  readonly warmupSteps?: number;
  /** The largest norm of a step's gradients. Default: no limit. */
  readonly clipNorm?: number;
}

/** A student: its hidden layers and its training. */
export interface StudentPlan extends Schedule {
  readonly hidden: readonly number[];
  /** Standard deviation of all weights at the beginning. Default: He's, by the size of each layer. */
  readonly initialDeviation?: number;
}

/** All that is decided before anything runs. */
export interface Plan {
  /** Images of the training and the test set that are used, from the first on. */
  readonly trainingImages: number;
  readonly testImages: number;
  readonly seeds: readonly number[];
  readonly teacher: Schedule & {
    readonly hidden: readonly number[];
    readonly inputDropout: number;
    readonly dropout: number;
    readonly maxNorm: number;
    /** The training images are moved by up to this many pixels. */
    readonly jitter: number;
  };
  readonly student: StudentPlan;
  readonly temperature: number;
  /** Weight of the soft targets; the labels have the rest. */
  readonly alpha: number;
  /** The digits that are left out of the transfer set, experiment by experiment. */
  readonly omitted: readonly (readonly number[])[];
  readonly sweep: StudentPlan & { readonly temperatures: readonly number[] };
}

/** The table of the paper. */
export const FULL: Plan = {
  trainingImages: 60_000,
  testImages: 10_000,
  seeds: [0, 1, 2],
  teacher: {
    hidden: [1200, 1200],
    inputDropout: 0.1,
    dropout: 0.4,
    maxNorm: 3.5,
    jitter: 2,
    epochs: 150,
    batchSize: 256,
    learningRate: 1e-3,
    optimizer: 'adam',
  },
  student: {
    hidden: [800, 800],
    initialDeviation: 0.01,
    epochs: 30,
    batchSize: 64,
    learningRate: 0.1,
    optimizer: 'sgd',
    warmupSteps: 300,
    clipNorm: 1,
  },
  temperature: 20,
  alpha: 0.9,
  omitted: [[3], [0, 1, 2, 3, 4, 5, 6, 9]],
  sweep: {
    hidden: [30, 30],
    temperatures: [1, 2, 3, 4, 8, 20],
    epochs: 20,
    batchSize: 128,
    learningRate: 1e-3,
    optimizer: 'adam',
  },
};

/** A few seconds on very little data: shows that the parts work together, not what they can do. */
export const QUICK: Plan = {
  ...FULL,
  trainingImages: 600,
  testImages: 200,
  seeds: [0],
  teacher: { ...FULL.teacher, hidden: [48], epochs: 3, batchSize: 64 },
  student: { ...FULL.student, hidden: [32], initialDeviation: 0.1, epochs: 3, batchSize: 64, warmupSteps: 3 },
  omitted: [[3]],
  sweep: { ...FULL.sweep, hidden: [12], temperatures: [1, 20], epochs: 2 },
};
