/** Optimizers and clipping against PyTorch's recorded values. */
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  clipGradNorm,
  clipGradValue,
  NAdam,
  type Optimizer,
  RMSprop,
  SGD,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { expectClose, golden, makeVariables, takeSteps, valuesOf } from './support.ts';

assertFileLeaksNothing();

type Make = (params: tf.Variable[], options: object) => Optimizer;

const optimizers: Record<string, Make> = {
  SGD: (params, options) => new SGD(params, options),
  Adam: (params, options) => new Adam(params, options),
  AdamW: (params, options) => new AdamW(params, options),
  RMSprop: (params, options) => new RMSprop(params, options),
  Adagrad: (params, options) => new Adagrad(params, options),
  Adadelta: (params, options) => new Adadelta(params, options),
  Adamax: (params, options) => new Adamax(params, options),
  NAdam: (params, options) => new NAdam(params, options),
};

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

describe.skipIf(!golden)('§2.2 T5 optimizers move as in PyTorch (needs ../shared/golden/optim.json)', () => {
  test.each(Object.entries(golden?.optimizers ?? {}))('%s', (_, { config, trajectory }) =>
    expectNoLeak(() => {
      const { optimizer: type, ...given } = config;
      const options = Object.fromEntries(Object.entries(given).map(([name, value]) => [camelCase(name), value]));
      const variables = makeVariables(golden?.meta.initial ?? [], golden?.meta.shapes);
      const optimizer = (optimizers[type as string] as Make)(variables, options);
      let taken = 0;
      for (const { step, params } of trajectory) {
        takeSteps(optimizer, variables, taken, step);
        taken = step;
        expectClose(valuesOf(variables).flat(), params.flat());
      }
      expect(optimizer.stepCount).toBe(taken);
      optimizer.dispose();
      tf.dispose(variables);
    }),
  );
});

describe.skipIf(!golden)('gradients are clipped as in PyTorch (needs ../shared/golden/optim.json)', () => {
  const { input, results } = golden?.clipping ?? { input: [], results: {} };

  test.each(Object.entries(results))('%s', (name, { total_norm, grads }) =>
    expectNoLeak(() => {
      const limit = Number(name.split('_').at(-1));
      const given = Object.fromEntries(input.map((values, index) => [`g${index}`, tf.tensor1d(values)]));
      const normType = name.includes('inf') ? Number.POSITIVE_INFINITY : 2;
      const { gradients, totalNorm } = name.startsWith('value')
        ? { gradients: clipGradValue(given, limit), totalNorm: undefined }
        : clipGradNorm(given, limit, { normType });
      expectClose(valuesOf(Object.values(gradients)).flat(), grads.flat());
      if (totalNorm) expectClose([...totalNorm.dataSync()], [total_norm as number]);
      tf.dispose([given, gradients, totalNorm ?? []]);
    }),
  );
});
