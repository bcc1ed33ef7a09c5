/** A distillation in compiled steps, broken within an epoch and resumed: the bits of one that was not, on native TensorFlow. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ArrayDataset,
  type Callback,
  cacheTeacherLogits,
  DataLoader,
  DistillationModule,
  ImageClassificationModel,
  mlp,
  Random,
  seedEverything,
  startEngine,
  TemperatureCallback,
  Trainer,
  withSeed,
} from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { NATIVE, WHERE } from './support.ts';

const SAMPLES = 90; // the last of six batches is smaller
const EPOCHS = 5;

const random = new Random(3);
const x = Float32Array.from({ length: SAMPLES * 8 }, () => random.normal());
const y = Int32Array.from({ length: SAMPLES }, () => random.integer(4));
const samples = new ArrayDataset({ x: { data: x, shape: [8] }, y: { data: y, shape: [] } });
const loader = () => new DataLoader(samples, { batchSize: 16, shuffle: true, seed: 5 });

type Teacher = ConstructorParameters<typeof DistillationModule>[0]['teacher'];

/** Saves after a batch, and breaks the run. */
const powerCut = (batch: number, path: string): Callback => ({
  role: 'checkpoint',
  async onTrainBatchEnd(trainer) {
    if (trainer.globalBatch !== batch) return;
    await trainer.saveCheckpoint(path);
    throw new Error('power cut');
  },
});

/** Losses and weights of a run. */
async function distil(teacher: Teacher, options: { ckptPath?: string; cut?: Callback } = {}) {
  const restore = seedEverything(11);
  const module = withSeed(2, () => {
    const encoder = mlp({ inputs: 8, hidden: [6], dropout: 0.3 });
    return new DistillationModule({ encoder, classes: 4, teacher, alpha: 0.7, temperature: 6 });
  });
  const losses: number[] = [];
  const watch: Callback = { onTrainBatchEnd: (_t, _m, { loss }) => void losses.push(loss?.dataSync()[0] as number) };
  const trainer = new Trainer({
    ...{ engine: 'tensorflow', logger: false, enableProgressBar: false, enableModelSummary: false },
    ...{ enableCheckpointing: true, maxEpochs: EPOCHS, compile: true, gradientClipVal: 1 },
    callbacks: [
      new TemperatureCallback({ schedule: 'linear' }),
      watch,
      options.cut ?? ({ role: 'checkpoint' } as const),
    ],
  });
  try {
    await trainer.fit(module, { train: loader(), ckptPath: options.ckptPath } as never);
    return { losses, weights: [...module.namedVariables().values()].map((variable) => [...variable.dataSync()]) };
  } finally {
    module.dispose();
    restore();
  }
}

describe.skipIf(!NATIVE)(`a distillation, compiled and resumed${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  // Before any step is compiled, while the smaller batch has been recorded once, and within later epochs.
  test.each([
    ['the teacher in the graph', false],
    ['logits from a cache', true],
  ])('%s', async (_, cached) => {
    const directory = mkdtempSync(join(tmpdir(), 'kelvin-distil-'));
    const network = new ImageClassificationModel({
      encoder: withSeed(1, () => mlp({ inputs: 8, hidden: [7], classes: 4, dropout: 0.2 })),
      ...{ classes: 4, head: 'none' },
    });
    const file = join(directory, 'teacher.logits');
    const teacher = cached ? await cacheTeacherLogits(network, loader(), { file, epochs: EPOCHS }) : network;
    try {
      const whole = await distil(teacher);
      for (const at of [2, 8, 15, 24]) {
        const ckptPath = join(directory, `${at}.ckpt`);
        await expect(distil(teacher, { cut: powerCut(at, ckptPath) })).rejects.toThrow('power cut');
        const resumed = await distil(teacher, { ckptPath });
        expect(resumed.losses).toEqual(whole.losses.slice(at));
        expect(resumed.weights).toEqual(whole.weights);
      }
    } finally {
      if (teacher !== network) (teacher as { dispose(): void }).dispose();
      network.dispose();
      rmSync(directory, { recursive: true });
    }
  });
});
