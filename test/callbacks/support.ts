/** Runs for tests of callbacks: quiet trainers, and a run that breaks and is resumed beside one that goes through. */
import { join } from 'node:path';
import { type Callback, type FitResult, seedEverything, Trainer, type TrainerOptions } from 'kelvin';
import { expect } from 'vitest';
import { BoringModule, boringLoader, TESTED } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';

export { freshDirectory };

/** Flags of a trainer that prints, logs and saves nothing by itself. */
export const quiet: TrainerOptions = {
  engine: TESTED,
  handleSignals: false,
  logger: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  numSanityValSteps: 0,
};

/** Fits a fresh module; `look` sees it before it is disposed of. */
export async function fitBoring<T = undefined>(
  callbacks: Callback | readonly Callback[],
  flags: TrainerOptions = {},
  {
    module = new BoringModule(),
    batches = 4,
    val = true,
    look,
  }: {
    module?: BoringModule;
    batches?: number;
    val?: boolean;
    look?: (module: BoringModule, trainer: Trainer, result: FitResult) => T | Promise<T>;
  } = {},
): Promise<T | undefined> {
  const trainer = new Trainer({ ...quiet, maxEpochs: 2, ...flags, callbacks });
  try {
    const result = await trainer.fit(module, {
      train: boringLoader(batches),
      ...(val ? { val: boringLoader(2) } : {}),
    });
    return await look?.(module, trainer, result);
  } finally {
    module.dispose();
  }
}

/** Saves a checkpoint after so many batches and then breaks the run. */
export function powerCut(afterBatches: number, path: string): Callback {
  return {
    role: 'checkpoint',
    async onTrainBatchEnd(trainer) {
      if (trainer.globalBatch !== afterBatches) return;
      await trainer.saveCheckpoint(path);
      throw new Error('power cut');
    },
  };
}

/** What a run that went through has come to, and one that was broken after `at` batches and resumed. */
export async function wholeAndResumed<T>(
  make: () => readonly Callback[],
  {
    at,
    flags = {},
    outcome,
    module = () => new BoringModule(),
    batches = 4,
  }: {
    at: number;
    flags?: TrainerOptions;
    outcome: (module: BoringModule, callbacks: readonly Callback[]) => T;
    module?: () => BoringModule;
    batches?: number;
  },
): Promise<[whole: T, resumed: T]> {
  const path = join(freshDirectory(), 'cut.ckpt');
  const run = async (cut: boolean, ckptPath?: string): Promise<T | undefined> => {
    const restore = seedEverything(1);
    const own = make();
    const fresh = module();
    const callbacks = cut ? [...own, powerCut(at, path)] : own;
    const trainer = new Trainer({
      ...quiet,
      maxEpochs: 3,
      enableCheckpointing: true,
      ...flags,
      callbacks: [...callbacks, ...(cut ? [] : [{ role: 'checkpoint' } as const])],
    });
    const fitting = trainer.fit(fresh, { train: boringLoader(batches), val: boringLoader(2), ckptPath });
    try {
      if (cut) {
        await expect(fitting).rejects.toThrow('power cut');
        return undefined;
      }
      await fitting;
      return outcome(fresh, own);
    } finally {
      fresh.dispose();
      restore();
    }
  };
  const whole = await run(false);
  await run(true);
  return [whole as T, (await run(false, path)) as T];
}
