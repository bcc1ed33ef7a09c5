import { join } from 'node:path';
import {
  type Callback,
  EMAWeightAveraging,
  type EMAWeightAveragingOptions,
  ModelCheckpoint,
  readCheckpoint,
  Trainer,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, freshDirectory, quiet, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** The weights after each batch and in each validation. */
function watch(): Callback & { live: number[][]; validated: number[][] } {
  const live: number[][] = [];
  const validated: number[][] = [];
  return {
    live,
    validated,
    onTrainBatchEnd: (_, module) => void live.push((module as BoringModule).weights()),
    onValidationEpochEnd: (_, module) => void validated.push((module as BoringModule).weights()),
  };
}

/** The average over the sets of weights with these numbers: the first is copied. */
function average(live: readonly number[][], indices: readonly number[], decay: number): number[] {
  const [first, ...rest] = indices.map((i) => live[i] as number[]);
  return rest.reduce(
    (mean, weights) => mean.map((m, k) => decay * m + (1 - decay) * (weights[k] as number)),
    first as number[],
  );
}

function close(actual: readonly number[] | undefined, expected: readonly number[]): void {
  for (const [i, value] of expected.entries()) expect(actual?.[i]).toBeCloseTo(value, 5);
}

describe('the average', () => {
  test.for<[EMAWeightAveragingOptions, number[]]>([
    [{ decay: 0.8 }, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ decay: 0.5, updateEveryNSteps: 3 }, [0, 3, 6]],
    [{ decay: 0.8, updateStartingAtStep: 3 }, [3, 4, 5, 6, 7]],
    [{ decay: 0.8, updateStartingAtEpoch: 1 }, [4, 5, 6, 7]],
    [{ decay: 0 }, [7]],
    [{ decay: 1 }, [0]],
  ])('of %o', async ([options, indices]) => {
    await expectNoLeak(async () => {
      const seen = watch();
      const ema = new EMAWeightAveraging(options);
      const final = await fitBoring([ema, seen], {}, { look: (module) => module.weights() });
      close(final, average(seen.live, indices, options.decay as number));
      if (options.decay === 0.8) expect(ema.updates).toBe(indices.length);
    });
  });

  test('is what is validated, and training goes on with the weights it had', async () => {
    const seen = watch();
    await fitBoring([new EMAWeightAveraging({ decay: 0.9 }), seen]);
    close(seen.validated[0], average(seen.live, [0, 1, 2, 3], 0.9));
    close(seen.validated[1], average(seen.live, [0, 1, 2, 3, 4, 5, 6, 7], 0.9));
    const plain = watch();
    await fitBoring(plain);
    expect(seen.live).toEqual(plain.live);
  });

  test('counts optimizer steps, not batches', async () => {
    const ema = new EMAWeightAveraging();
    await fitBoring(ema, { accumulateGradBatches: 3 });
    expect(ema.updates).toBe(4);
  });
});

test('a checkpoint holds the average as the model, and the trained weights beside it', async () => {
  const seen = watch();
  const dirPath = freshDirectory();
  const keeper = new ModelCheckpoint({ dirPath, saveLast: true });
  const final = await fitBoring(
    [new EMAWeightAveraging({ decay: 0.5 }), seen, keeper],
    { enableCheckpointing: true },
    { look: (module) => module.weights() },
  );
  const { tensors } = await readCheckpoint(join(dirPath, 'last.ckpt'));
  const weights = (prefix: string) =>
    [...tensors].filter(([name]) => name.startsWith(`${prefix}/`)).flatMap(([, { data }]) => [...data]);
  expect(weights('model')).toEqual(final);
  expect(weights('EMAWeightAveraging/live')).toEqual(seen.live.at(-1));
});

describe('a resumed run equals one that went through', () => {
  test.for([1, 3, 4, 6, 9])('broken after batch %i', async (at) => {
    const [whole, resumed] = await wholeAndResumed(
      () => [new EMAWeightAveraging({ decay: 0.7, updateEveryNSteps: 2 })],
      {
        at,
        outcome: (module, [ema]) => [module.weights(), (ema as EMAWeightAveraging).updates],
      },
    );
    expect(resumed).toEqual(whole);
  });

  test('broken within an accumulation window', async () => {
    const [whole, resumed] = await wholeAndResumed(() => [new EMAWeightAveraging({ decay: 0.7 })], {
      at: 5,
      flags: { accumulateGradBatches: 3 },
      outcome: (module, [ema]) => [module.weights(), (ema as EMAWeightAveraging).updates],
    });
    expect(resumed).toEqual(whole);
  });
});

function zero(module: BoringModule): void {
  for (const variable of module.parameters()) tf.tidy(() => variable.assign(tf.zerosLike(variable as tf.Tensor)));
}

describe('a second fit', () => {
  const twice = async (between: (module: BoringModule) => void): Promise<[number[], number[]]> => {
    const module = new BoringModule();
    const ema = new EMAWeightAveraging({ decay: 0.9 });
    const seen = watch();
    const first = new Trainer({ ...quiet, maxEpochs: 1, callbacks: [ema] });
    await first.fit(module, boringLoader(4), boringLoader(2));
    between(module);
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: [ema, seen] });
    await trainer.fit(module, boringLoader(4));
    const result = module.weights();
    module.dispose();
    return [result, seen.live[0] as number[]];
  };

  test('goes on with the trained weights and the average', async () => {
    const whole = await fitBoring(
      new EMAWeightAveraging({ decay: 0.9 }),
      { maxEpochs: 2 },
      { look: (m) => m.weights() },
    );
    const [final] = await expectNoLeak(() => twice(() => {}));
    close(final, whole as number[]);
  });

  test('begins anew when somebody has set the weights', async () => {
    const [, first] = await twice((module) => {
      zero(module);
    });
    const fresh = new BoringModule();
    zero(fresh);
    const seen = watch();
    await fitBoring(seen, { maxEpochs: 1 }, { module: fresh, val: false });
    expect(first).toEqual(seen.live[0]);
  });
});

test('when training throws, in validation too, the module has the trained weights and nothing leaks', async () => {
  await expectNoLeak(async () => {
    const seen = watch();
    const module = new BoringModule();
    const trap: Callback = {
      onValidationEpochEnd: () => {
        throw new Error('broken');
      },
    };
    const trainer = new Trainer({
      ...quiet,
      maxEpochs: 1,
      callbacks: [new EMAWeightAveraging({ decay: 0.5 }), seen, trap],
    });
    await expect(trainer.fit(module, boringLoader(4), boringLoader(1))).rejects.toThrow('broken');
    expect(module.weights()).toEqual(seen.live.at(-1));
    module.dispose();
  });
});

test('wrong options', () => {
  expect(() => new EMAWeightAveraging({ decay: 2 })).toThrow(
    'EMAWeightAveraging: option `decay`: expected a number from 0 to 1, got 2 (number).',
  );
});

test('Ctrl-C within validation: the checkpoint holds both, and the run goes on as if nothing had been', async () => {
  const run = async (dirPath: string, interrupted: boolean, ckptPath?: string): Promise<number[]> => {
    const module = new BoringModule();
    const interrupt: Callback = {
      onValidationBatchEnd: ({ globalBatch }) => {
        if (interrupted && globalBatch === 8) process.emit('SIGINT');
      },
    };
    const callbacks = [new EMAWeightAveraging({ decay: 0.9 }), interrupt, new ModelCheckpoint({ dirPath })];
    const trainer = new Trainer({ ...quiet, enableCheckpointing: true, handleSignals: true, maxEpochs: 3, callbacks });
    const { status } = await trainer.fit(module, { train: boringLoader(4), val: boringLoader(3), ckptPath });
    expect(status).toBe(interrupted ? 'interrupted' : 'finished');
    const weights = module.weights();
    module.dispose();
    return weights;
  };
  await expectNoLeak(async () => {
    const [whole, broken] = [freshDirectory(), freshDirectory()];
    const expected = await run(whole, false);
    await run(broken, true);
    expect(await run(broken, false, 'last')).toEqual(expected);
  });
});

test('one trainer, whose limit is raised, goes on as one long run', async () => {
  await expectNoLeak(async () => {
    const seen = watch();
    const module = new BoringModule();
    const trainer = new Trainer({ ...quiet, maxEpochs: 2, callbacks: [new EMAWeightAveraging({ decay: 0.9 }), seen] });
    await trainer.fit(module, boringLoader(4), boringLoader(2));
    trainer.maxEpochs = 4;
    await trainer.fit(module, boringLoader(4), boringLoader(2));
    const straight = watch();
    const look = (other: BoringModule) => other.weights();
    const flags = { maxEpochs: 4 };
    const whole = await fitBoring([new EMAWeightAveraging({ decay: 0.9 }), straight], flags, { look });
    expect(module.weights()).toEqual(whole);
    expect(seen).toMatchObject({ live: straight.live, validated: straight.validated });
    module.dispose();
  });
});

test('a checkpoint saved after the fit resumes exactly, too', async () => {
  const path = join(freshDirectory(), 'after.ckpt');
  await fitBoring(
    new EMAWeightAveraging({ decay: 0.9 }),
    { maxEpochs: 2 },
    { look: (_, trainer) => trainer.saveCheckpoint(path) },
  );
  const module = new BoringModule();
  const trainer = new Trainer({ ...quiet, maxEpochs: 3, callbacks: new EMAWeightAveraging({ decay: 0.9 }) });
  await trainer.fit(module, { train: boringLoader(4), val: boringLoader(2), ckptPath: path });
  const whole = await fitBoring(new EMAWeightAveraging({ decay: 0.9 }), { maxEpochs: 3 }, { look: (m) => m.weights() });
  expect(module.weights()).toEqual(whole);
  module.dispose();
});
