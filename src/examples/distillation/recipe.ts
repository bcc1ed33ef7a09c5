/**
 * The recipe of the demo: how teacher and students are made and trained. The teacher sees the training images shifted
 * about and learns what may vary; the students see them as they are. What the distilled student gains, it has from the
 * teacher's answers alone: both students start from the same weights and see the same batches for as many epochs.
 */
import { DataLoader, DistillationModule, ImageClassificationModel, mlp, randomShift, withSeed } from 'kelvin';
import type { Digits } from './digits.ts';

/** Sizes and durations of the demo. */
export interface Recipe {
  readonly trainingImages: number;
  readonly validationImages: number;
  readonly testImages: number;
  readonly batchSize: number;
  readonly teacher: { readonly hidden: readonly number[]; readonly dropout: number; readonly epochs: number };
  readonly student: { readonly hidden: readonly number[]; readonly learningRate: number; readonly epochs: number };
  readonly temperature: number;
  readonly alpha: number;
}

/** About two minutes on two cores. */
export const FULL: Recipe = {
  trainingImages: 12_000,
  validationImages: 1_000,
  testImages: 10_000,
  batchSize: 128,
  teacher: { hidden: [400, 400], dropout: 0.2, epochs: 12 },
  student: { hidden: [48], learningRate: 2e-3, epochs: 30 },
  temperature: 6,
  alpha: 0.9,
};

/** Seconds: shows that all parts work together, not what they can do. */
export const QUICK: Recipe = {
  ...FULL,
  trainingImages: 600,
  validationImages: 100,
  testImages: 200,
  teacher: { hidden: [64], dropout: 0, epochs: 2 },
  student: { hidden: [16], learningRate: 2e-3, epochs: 2 },
};

const IMAGE = [28, 28, 1] as const;

/** The teacher: large, and regularised with dropout. */
export function makeTeacher({ teacher: { hidden, dropout } }: Recipe, seed: number): ImageClassificationModel {
  return withSeed(seed, () => {
    const encoder = mlp({ inputs: IMAGE, hidden, dropout });
    return new ImageClassificationModel({ encoder, classes: 10, learningRate: 1e-3 });
  });
}

/** A student; with a teacher, one that learns from it. The same seed gives the same weights either way. */
export function makeStudent(
  recipe: Recipe,
  seed: number,
  teacher?: ImageClassificationModel,
): ImageClassificationModel {
  const { hidden, learningRate } = recipe.student;
  return withSeed(seed + 1, () => {
    const student = { encoder: mlp({ inputs: IMAGE, hidden }), classes: 10, learningRate };
    if (teacher === undefined) return new ImageClassificationModel(student);
    return new DistillationModule({ ...student, teacher, alpha: recipe.alpha, temperature: recipe.temperature });
  });
}

/** Loaders for the teacher, whose images are shifted by up to a pixel, and for the students, whose are not. */
export function makeLoaders({ train, val, test }: Digits, { batchSize }: Recipe, seed: number) {
  const training = { batchSize, shuffle: true, seed };
  return {
    teacher: new DataLoader(train, { ...training, transform: randomShift({ pixels: 1 }) }),
    // A loader of its own for each student, so that both begin with the same epoch.
    student: () => new DataLoader(train, training),
    val: new DataLoader(val, { batchSize: 500 }),
    test: new DataLoader(test, { batchSize: 500 }),
  };
}
