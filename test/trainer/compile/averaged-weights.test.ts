/** An average of the weights as a part of compiled steps, on native TensorFlow. */
import { type Callback, type LightningModule, startEngine, tf } from 'kelvin';
import { EMAWeightAveraging, every } from 'kelvin/callbacks';
import { beforeAll, describe, expect, test } from 'vitest';
import { replaceKernel } from '../../../src/engine/compile/recorder.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectSame, NATIVE, perceptron, train, WHERE, wholeAndResumed } from './support.ts';

type Options = Parameters<typeof train>[2];
const make = perceptron({ dropout: 0.2 }) as () => LightningModule<never>;

/** Notes the kernels that run from the start of a step to the end of its last hook. */
function kernelsWithin(step: number): Callback & { readonly ran: string[] } {
  const ran: string[] = [];
  let putBack = (): void => {};
  return {
    ran,
    onTrainBatchStart: (trainer) => {
      if (trainer.globalStep !== step) return;
      const kernels = tf.getKernelsForBackend('tensorflow');
      for (const kernel of kernels)
        replaceKernel({
          ...kernel,
          kernelFunc: (call) => {
            ran.push(kernel.kernelName);
            return kernel.kernelFunc(call);
          },
        });
      putBack = () => {
        for (const kernel of kernels) replaceKernel(kernel);
      };
    },
    onTrainBatchEnd: () => {
      putBack();
      putBack = () => {};
    },
  };
}

describe.skipIf(!NATIVE)(`an average of the weights, compiled${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  const CASES: Readonly<Record<string, (average: Callback) => Options>> = {
    'after each step': (average) => ({ callbacks: [average] }),
    'over windows of two': (average) => ({ callbacks: [average], accumulateGradBatches: 2 }),
    'every other time': (average) => ({ callbacks: [every(2, average)] }),
  };
  test.each(Object.entries(CASES))('%s: weights and metrics as of eager steps', async (_, optionsOf) => {
    const run = (compile: boolean) => {
      const average = new EMAWeightAveraging({ decay: 0.9, updateStartingAtStep: 5 });
      return train(make, [8], { maxSteps: 40, compile, ...optionsOf(average) });
    };
    const [eager, compiled] = [await run(false), await run(true)];
    expectSame(compiled, eager);
    for (const [name, values] of Object.entries(eager.weights))
      for (const [i, value] of values.entries()) expect(compiled.weights[name]?.[i]).toBeCloseTo(value, 4);
  });

  test('nothing is computed beside the step that is compiled', async () => {
    const [within, beside] = [kernelsWithin(40), kernelsWithin(40)];
    const options = { maxSteps: 50, compile: true, limitValBatches: 0 };
    await train(make, [8], { ...options, callbacks: [new EMAWeightAveraging(), within] });
    await train(make, [8], { ...options, callbacks: [new EMAWeightAveraging({ updateEveryNSteps: 2 }), beside] });
    expect(within.ran).toEqual([]);
    expect(beside.ran).toContain('Multiply');
  });

  test('a resumed run ends with the same bits', async () => {
    const callbacks = () => [new EMAWeightAveraging({ decay: 0.8 })];
    const { whole, resumed } = await wholeAndResumed(41, { dropout: 0.2, callbacks });
    expect(resumed.weights).toEqual(whole.weights);
    expect(resumed.losses).toEqual(whole.losses.slice(20));
  });
});
