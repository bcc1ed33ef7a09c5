/** Whatever hook or step throws, nothing is left of the run. */
import { type Callback, HOOK_NAMES, HOOKS, type HookName, hookMethod, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Wasteful } from '../support/wasteful.ts';

assertFileLeaksNothing();

test('E11 §2.2 T1 100 steps and a callback that throws: as many tensors as before', () =>
  expectNoLeak(async () => {
    const module = new Wasteful();
    const callbacks: Callback = {
      onTrainBatchEnd: (trainer) => {
        if (trainer.globalBatch === 100) throw new Error('boom');
      },
    };
    const trainer = new Trainer({ ...bare, maxEpochs: 1, callbacks });
    await expect(trainer.fit(module, boringLoader(150))).rejects.toThrow('boom');
    expect(trainer.globalBatch).toBe(100);
    module.dispose();
  }));

const path = `${freshDirectory()}/start.ckpt`;

/** All that a trainer can do, so that every hook is called. */
async function doEverything(module: BoringModule, options: object): Promise<void> {
  const quiet = { barebones: false, enableProgressBar: false, enableModelSummary: false, enableCheckpointing: false };
  const trainer = new Trainer({ ...bare, ...quiet, logger: false, handleSignals: true, ...options });
  const train = boringLoader(6);
  await trainer.fit(module, train, boringLoader(2));
  await trainer.saveCheckpoint(path);
  await trainer.test(module, boringLoader(1), { ckptPath: path });
  await trainer.predict(module, boringLoader(2), { returnPredictions: false });
  trainer.maxEpochs = 3;
  trainer.once('trainBatchEnd', () => void process.emit('SIGINT'));
  await trainer.fit(module, train);
}

type Failing = () => unknown;
const failures: Record<string, Failing> = {
  throws: () => {
    throw new Error('boom');
  },
  rejects: () => Promise.reject(new Error('boom')),
};

for (const [how, fail] of Object.entries(failures)) {
  test.for(HOOK_NAMES.filter((name) => HOOKS[name].receivers !== 'M'))(
    `%s of a callback ${how}: nothing is left`,
    (name) =>
      expectNoLeak(async () => {
        const module = new Wasteful();
        await failsWith(module, name, how, {
          callbacks: { [hookMethod(name)]: fail } as Callback,
          accumulateGradBatches: 3,
          maxEpochs: 2,
        });
        module.dispose();
      }),
  );

  test.for(HOOK_NAMES.filter((name) => HOOKS[name].receivers !== 'C'))(
    `%s of the module ${how}: nothing is left`,
    (name) =>
      expectNoLeak(async () => {
        const module = Object.assign(new Wasteful(), { [hookMethod(name)]: fail });
        await failsWith(module, name, how, { accumulateGradBatches: 2, maxEpochs: 2 });
        module.dispose();
      }),
  );
}

async function failsWith(module: BoringModule, name: HookName, how: string, options: object): Promise<void> {
  const message = await messageFrom(() => doEverything(module, options));
  if (name === 'exception') expect(message).toBe('nothing was thrown');
  else if (HOOKS[name].synchronous && how === 'rejects') expect(message).toContain('[asynchronous-hook]');
  else expect(message).toBe('Error boom');
}

const steps = [
  'trainingStep',
  'validationStep',
  'testStep',
  'predictStep',
  'configureOptimizers',
  'configureModel',
  'configureCallbacks',
  'configureGradientClipping',
  'optimizerStep',
];

test.for(steps)('%s throws: nothing is left', (step) =>
  expectNoLeak(async () => {
    const module = new Wasteful();
    const own = (module as never as Record<string, (...args: unknown[]) => unknown>)[step];
    const isStep = step.endsWith('Step') && step !== 'optimizerStep';
    Object.assign(module, {
      [step]: (...args: unknown[]) => {
        if (isStep) own?.apply(module, args);
        throw new Error('boom');
      },
    });
    expect(await messageFrom(() => doEverything(module, { maxEpochs: 2 }))).toBe('Error boom');
    module.dispose();
  }),
);
