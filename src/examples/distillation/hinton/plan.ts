/**
 * The sizes and durations of the Hinton experiment. What the paper states is taken from it (section 3 of Hinton, Vinyals and Dean,
 * "Distilling the Knowledge in a Neural Network", 2015); it does not state optimizer, epochs, batch size or the weight of
 * the labels.
 */

/** How long something trains, and on which batches. */
export interface Schedule {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
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
  readonly student: Schedule & { readonly hidden: readonly number[] };
  readonly temperature: number;
  /** Weight of the soft targets; the labels have the rest. */
  readonly alpha: number;
  /** The digits that are left out of the transfer set, experiment by experiment. */
  readonly omitted: readonly (readonly number[])[];
  readonly sweep: Schedule & { readonly hidden: readonly number[]; readonly temperatures: readonly number[] };
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
  },
  student: { hidden: [800, 800], epochs: 30, batchSize: 128, learningRate: 1e-3 },
  temperature: 20,
  alpha: 0.9,
  omitted: [[3], [0, 1, 2, 3, 4, 5, 6, 9]],
  sweep: { hidden: [30, 30], temperatures: [1, 2, 3, 4, 8, 20], epochs: 20, batchSize: 128, learningRate: 1e-3 },
};

/** A few seconds on very little data: shows that the parts work together, not what they can do. */
export const QUICK: Plan = {
  ...FULL,
  trainingImages: 600,
  testImages: 200,
  seeds: [0],
  teacher: { ...FULL.teacher, hidden: [48], epochs: 3, batchSize: 64 },
  student: { ...FULL.student, hidden: [32], epochs: 3, batchSize: 64 },
  omitted: [[3]],
  sweep: { ...FULL.sweep, hidden: [12], temperatures: [1, 20], epochs: 2 },
};
