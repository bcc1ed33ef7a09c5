/** The table of hooks, the Callback interface, the module's methods and the events agree: by type and at run time. */
import {
  type Callback,
  HOOK_NAMES,
  HOOKS,
  type HookArgs,
  type HookName,
  hookMethod,
  LightningModule,
  type ModuleHooks,
  SGD,
  Trainer,
  type TrainerEvents,
  type TrainerView,
  type tf,
} from 'kelvin';
import { expect, expectTypeOf, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

type Method<K extends string> = K extends 'setup' | 'teardown' ? K : `on${Capitalize<K>}`;
type Named<Receivers> = {
  [K in HookName]: (typeof HOOKS)[K]['receivers'] extends Receivers ? Method<K> : never;
}[HookName];
type OwnKeys = 'stateKey' | 'role' | 'metricNames' | 'stateDict' | 'loadStateDict';

/** Compiles only while hooks can be overridden as methods, with the batch's own type. */
class Overriding extends LightningModule<{ x: tf.Tensor }> {
  override trainingStep({ x }: { x: tf.Tensor }): tf.Tensor {
    return x.mean();
  }
  override onTrainBatchEnd(_outputs: object, _batch: { x: tf.Tensor }, _batchIdx: number): void {}
  override async onValidationEnd(): Promise<void> {}
  override setup(): void {}
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 1 });
  }
}

test('by type: callbacks have a method for each hook that is theirs, and no other', () => {
  expectTypeOf<Exclude<keyof Callback, OwnKeys>>().toEqualTypeOf<Named<'C' | 'CM'>>();
  expectTypeOf<keyof ModuleHooks>().toEqualTypeOf<Named<'M' | 'CM'>>();
  expectTypeOf<keyof TrainerEvents>().toEqualTypeOf<HookName | 'listenerError'>();
});

test('by type: the methods written out in the module are those of the table', () => {
  type Written = Pick<LightningModule, keyof ModuleHooks>;
  type Signatures<T> = { [K in keyof T]: [Parameters<Extract<T[K], Fn>>, ReturnType<Extract<T[K], Fn>>] };
  type Fn = (...args: never[]) => unknown;
  expectTypeOf<Signatures<Written>>().toEqualTypeOf<Signatures<ModuleHooks>>();
  expectTypeOf<Overriding>().toExtend<LightningModule<{ x: tf.Tensor }>>();
});

test('by type: a callback gets trainer, module and the arguments of the event', () => {
  type Arguments<K extends HookName & `train${string}`> = Parameters<NonNullable<Callback[Method<K>]>>;
  expectTypeOf<Arguments<'trainBatchEnd'>[0]>().toEqualTypeOf<TrainerView>();
  expectTypeOf<Parameters<TrainerEvents['trainBatchEnd']>>().toEqualTypeOf<HookArgs<'trainBatchEnd'>>();
  expectTypeOf<Arguments<'trainBatchEnd'>[3]>().toEqualTypeOf<HookArgs<'trainBatchEnd'>[1]>();
});

/** Everything a trainer can do. */
async function doEverything(trainer: Trainer, module: BoringModule): Promise<void> {
  const path = `${freshDirectory()}/a.ckpt`;
  await trainer.fit(module, boringLoader(2), boringLoader(1));
  await trainer.saveCheckpoint(path);
  await trainer.test(module, boringLoader(1), { ckptPath: path });
  await trainer.predict(module, boringLoader(1), { returnPredictions: false });
  trainer.maxEpochs = 2;
  trainer.once('trainBatchStart', () => void process.emit('SIGINT'));
  await trainer.fit(module, boringLoader(2));
  module.trainingStep = () => {
    throw new Error('boom');
  };
  trainer.maxEpochs = 3;
  await expect(trainer.fit(module, boringLoader(2))).rejects.toThrow('boom');
}

test('at run time: every hook of the table is called, on callbacks, the module and listeners, with the same arguments', () =>
  expectNoLeak(async () => {
    const calls = {
      callback: new Map<string, unknown[]>(),
      module: new Map<string, unknown[]>(),
      event: new Map<string, unknown[]>(),
    };
    const module = new BoringModule();
    const callback: Record<string, unknown> = {};
    for (const name of HOOK_NAMES) {
      const method = hookMethod(name);
      callback[method] = (_trainer: unknown, _module: unknown, ...args: unknown[]) =>
        void calls.callback.set(name, args);
      Object.assign(module, { [method]: (...args: unknown[]) => void calls.module.set(name, args) });
    }
    const trainer = new Trainer({
      ...bare,
      barebones: false,
      logger: false,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
      maxEpochs: 1,
      handleSignals: true,
      callbacks: callback as Callback,
    });
    for (const name of HOOK_NAMES) trainer.on(name, (...args: unknown[]) => void calls.event.set(name, args));
    await doEverything(trainer, module);
    for (const name of HOOK_NAMES) {
      const { receivers } = HOOKS[name];
      const args = calls.event.get(name);
      expect(args, `event ${name}`).toBeDefined();
      expect(calls.callback.get(name), `callback ${name}`).toEqual(receivers === 'M' ? undefined : args);
      expect(calls.module.get(name), `module ${name}`).toEqual(receivers === 'C' ? undefined : args);
    }
    module.dispose();
  }));

test('listeners that throw or reject are reported and harm nobody; off and once end them', async () => {
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 2 });
  const reported: string[] = [];
  let calls = 0;
  const counting = (): void => {
    calls++;
  };
  trainer.on('listenerError', (error, event) => reported.push(`${event}: ${(error as Error).message}`));
  trainer.on('trainStart', () => {
    throw new Error('thrown');
  });
  trainer.on('trainEnd', (async () => {
    throw new Error('rejected');
  }) as () => void);
  trainer.on('trainEpochStart', counting).once('trainEpochStart', () => trainer.off('trainEpochStart', counting));
  expect(await trainer.fit(module, boringLoader(1))).toMatchObject({ status: 'finished' });
  expect(reported).toEqual(['trainStart: thrown', 'trainEnd: rejected']);
  expect(calls).toBe(1);
  module.dispose();
});

test('a callback that throws while it hears of an exception keeps it from nobody', async () => {
  const module = new BoringModule();
  const heard: string[] = [];
  const warnings: string[] = [];
  const warn = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', warn);
  const bad: Callback = {
    onException: () => {
      throw new Error('worse');
    },
  };
  const good: Callback = { onException: (_trainer, _module, error) => void heard.push((error as Error).message) };
  module.trainingStep = () => {
    throw new Error('bad');
  };
  await expect(new Trainer({ ...bare, callbacks: [bad, good] }).fit(module, boringLoader(1))).rejects.toThrow('bad');
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warn);
  expect(heard).toEqual(['bad']);
  expect(warnings).toEqual(['While a failed run was being closed: worse']);
  module.dispose();
});

test('a class callback of the module replaces the trainer’s of that class, and leaves plain objects alone', async () => {
  class Counting implements Callback {
    calls = 0;
    onFitStart(): void {
      this.calls++;
    }
  }
  const [own, given] = [new Counting(), new Counting()];
  let plain = 0;
  const module = new BoringModule();
  module.configureCallbacks = () => own;
  await new Trainer({ ...bare, maxEpochs: 0, callbacks: [given, { onFitStart: () => void plain++ }] }).fit(
    module,
    boringLoader(1),
  );
  expect([own.calls, given.calls, plain]).toEqual([1, 0, 1]);
  module.dispose();
});
