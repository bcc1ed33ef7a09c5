/** The networks, losses and data of the example programs: 200 steps compiled beside eager, on native TensorFlow. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Callback,
  DataLoader,
  drawnDigits,
  type LightningModule,
  Random,
  seedEverything,
  startEngine,
  subset,
  Trainer,
  type TrainerOptions,
  withSeed,
} from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import * as hinton from '../../../src/examples/distillation/hinton/networks.ts';
import { QUICK as HINTON } from '../../../src/examples/distillation/hinton/plan.ts';
import { jittered, transferLoader } from '../../../src/examples/distillation/hinton/training.ts';
import { makeLoaders, makeStudent, makeTeacher, QUICK } from '../../../src/examples/distillation/recipe.ts';
import { drawFundusImages } from '../../../src/examples/image-classification/fundus.ts';
import { Net } from '../../../src/examples/image-classification/hand-written-module.ts';
import { gradeEyes } from '../../../src/examples/image-classification/retina.ts';
import { trainClassifier } from '../../../src/examples/image-classification/train.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { NATIVE, WHERE } from './support.ts';

const STEPS = 200;

/** A module, and the loaders that it is trained and validated with; made anew for each run. */
interface Made {
  readonly module: LightningModule<never>;
  readonly train: unknown;
  readonly val: unknown;
  readonly others?: readonly { dispose(): void }[];
  readonly options?: TrainerOptions;
  /** The least that a difference of losses is held against, where rounding is not in proportion to the loss. */
  readonly least?: number;
}

const images = drawnDigits({ train: 600, test: 200 });
const digits = { train: images.train, val: images.test, test: images.test, source: 'drawn' };
const val = () => new DataLoader(images.test, { batchSize: 100 });

/** What a teacher might have said of the digits. */
function answers() {
  const random = new Random(9);
  return { logits: Float32Array.from({ length: images.train.length * 10 }, () => 4 * random.normal()) } as never;
}

const EXAMPLES: Readonly<Record<string, () => Made>> = {
  "the demo's teacher": () => {
    const recipe = { ...QUICK, teacher: { ...QUICK.teacher, dropout: 0.2 } };
    return { module: makeTeacher(recipe, 1) as never, train: makeLoaders(digits, recipe, 1).teacher, val: val() };
  },
  "the demo's student": () => {
    const teacher = makeTeacher(QUICK, 1);
    const module = makeStudent(QUICK, 1, teacher) as never;
    // The divergence is a difference of entropies of about 1, times T².
    const least = QUICK.temperature ** 2 / 50;
    return { module, train: makeLoaders(digits, QUICK, 1).student(), val: val(), others: [teacher], least };
  },
  "Hinton's teacher": () => ({
    module: hinton.makeTeacher(HINTON, 0) as never,
    train: jittered(images as never, HINTON.teacher, 0),
    val: val(),
  }),
  "Hinton's student, who has the teacher's answers": () => ({
    module: hinton.makeStudent(HINTON.student, { temperature: HINTON.temperature, alpha: HINTON.alpha }, 0) as never,
    train: transferLoader(images as never, answers(), HINTON.student, 0),
    val: val(),
    options: { gradientClipVal: HINTON.student.clipNorm },
  }),
  'the module written by hand': () => ({
    module: withSeed(1, () => new Net({ hidden: [64] })) as never,
    train: new DataLoader(images.train, { batchSize: 64, shuffle: true, seed: 1 }),
    val: val(),
  }),
};

async function run(make: () => Made, compile: boolean) {
  const restore = seedEverything(4);
  const { module, train, val, others = [], options, least = 0 } = make();
  const losses: number[] = [];
  const watch: Callback = { onTrainBatchEnd: (_t, _m, { loss }) => void losses.push(loss?.dataSync()[0] as number) };
  const quiet = {
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: false,
    logger: false,
  } as const;
  try {
    const trainer = new Trainer({
      ...quiet,
      ...options,
      engine: 'tensorflow',
      maxSteps: STEPS,
      compile,
      callbacks: watch,
    });
    const { metrics } = await trainer.fit(module, { train, val } as never);
    return { losses, metrics, least };
  } finally {
    for (const each of [module, ...others]) each.dispose();
    restore();
  }
}

const expectClose = (compiled: Readonly<Record<string, number>>, eager: Readonly<Record<string, number>>): void => {
  expect(Object.keys(compiled)).toEqual(Object.keys(eager));
  for (const [name, value] of Object.entries(eager)) expect(compiled[name]).toBeCloseTo(value, 4);
};

describe.skipIf(!NATIVE)(`the examples, compiled${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test.each(Object.entries(EXAMPLES))('%s: the losses of eager steps, to 1e-5, and the metrics', async (_, make) => {
    const [eager, compiled] = [await run(make, false), await run(make, true)];
    expect(compiled.losses).toHaveLength(STEPS);
    const off = eager.losses.map(
      (loss, i) => Math.abs((compiled.losses[i] as number) - loss) / Math.max(Math.abs(loss), eager.least),
    );
    expect(Math.max(...off)).toBeLessThan(1e-5);
    expectClose(compiled.metrics, eager.metrics);
  });

  test('the programs come to the same metrics', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kelvin-examples-'));
    try {
      const few = {
        train: subset(
          images.train,
          Array.from({ length: 400 }, (_, i) => i),
        ),
        test: images.test,
      };
      const classify = (compile: boolean) => {
        const options = { images: few as never, epochs: 5, hidden: [32], progress: false };
        return trainClassifier({ ...options, logDir: join(directory, String(compile)), compile });
      };
      expectClose(await classify(true), await classify(false));
      const data = await drawFundusImages(directory, { count: 80, seed: 1 });
      const grade = (compile: boolean) => gradeEyes({ data, epochs: 5, progress: false, compile });
      expectClose(await grade(true), await grade(false));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
