/** What a run of a sweep comes to. */

/** What a run came to. */
export interface SweepRun {
  /** Misclassified samples of the test set, and how many it has. */
  readonly errors: number;
  readonly samples: number;
  readonly parameters: number;
  /** Share of the samples for which it says what the teacher says. */
  readonly agreement?: number | undefined;
  /** KL(teacher ‖ student) at T = 1, in nats. */
  readonly kl?: number | undefined;
}
