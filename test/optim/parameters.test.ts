/** What optimizers take as parameters, gradients and options, and how they refuse the rest. */
import { Adam, AdamW, ConfigError, DataError, fromTfOptimizer, SGD, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { makeVariables, valuesOf } from './support.ts';

assertFileLeaksNothing();

test('parameter groups have options of their own, and can be added later', () =>
  expectNoLeak(() => {
    const variables = makeVariables([[1], [1], [1]]);
    const [a, b, c] = variables as [tf.Variable, tf.Variable, tf.Variable];
    const optimizer = new SGD([{ params: [a] }, { params: [b], lr: 0.5, weightDecay: undefined }], { lr: 0.1 });
    optimizer.addParamGroup({ params: [c], weightDecay: 1 });
    const ones = Object.fromEntries(variables.map(({ name }) => [name, tf.tensor1d([1])]));
    optimizer.step(ones);
    const [first, second, third] = valuesOf(variables).flat() as [number, number, number];
    expect(first).toBeCloseTo(0.9);
    expect(second).toBeCloseTo(0.5);
    expect(third).toBeCloseTo(0.8);
    optimizer.lr = 0;
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0, 0.5, 0.1]);
    expect(() => optimizer.addParamGroup({ params: [b] })).toThrow("the variable '");
    expect(optimizer.paramGroups).toHaveLength(3);
    expect(Object.values(ones).every((gradient) => !gradient.isDisposed)).toBe(true);
    optimizer.dispose();
    tf.dispose([variables, ones]);
  }));

test('a gradient of another shape is refused, and nothing moves', () =>
  expectNoLeak(() => {
    const variables = makeVariables([[1.5, -0.3], [0.8]]);
    const optimizer = new AdamW(variables);
    const wrong = { [variables[0]?.name as string]: tf.tensor1d([1]) };
    expect(() => optimizer.step(wrong)).toThrow(DataError);
    expect(() => optimizer.step(wrong)).toThrow(
      /gradient of 'test\d+\/p0': expected the variable's shape \[2\], got \[1\]/,
    );
    expect(optimizer.stateDict().tensors).toEqual({});
    tf.dispose([variables, wrong]);
  }));

test('parameters and options are checked', () =>
  expectNoLeak(() => {
    const initial = tf.scalar(1);
    const variable = tf.variable(initial, true, 'checked');
    initial.dispose();
    const message = (make: () => unknown) => {
      expect(make).toThrow(ConfigError);
      return expect(make);
    };
    message(() => new SGD([])).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: there are no parameters: expected at least one tf.Variable.
        help: build the model before its optimizer, and check that its layers are trainable]
    `);
    message(() => new SGD([variable, variable])).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: the variable 'checked' occurs twice among the parameters.
        help: put each variable into one group; weights shared between layers count once]
    `);
    message(() => new SGD([1 as never])).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: parameter 0: expected a tf.Variable, got 1 (number).
        help: of a layers model, pass the \`.read()\` of its weights: module.parameters() does so]
    `);
    message(() => new SGD(variable as never)).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: the parameters cannot be iterated over: expected an array of tf.Variable, got an instance of Variable.
        help: pass module.parameters(), or [{ params: [...], lr: ... }, ...]]
    `);
    message(() => new SGD([{ params: [] }])).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: parameter group 0: there are no parameters: expected at least one tf.Variable.
        help: build the model before its optimizer, and check that its layers are trainable]
    `);
    message(() => new SGD([{ params: [variable] }, variable] as never)).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: parameter group 1: expected an object with \`params\`, like the other groups, got an instance of Variable.
        help: pass either variables or groups, not both]
    `);
    message(() => new SGD([variable], { nesterov: true })).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: SGD: \`nesterov\` needs a momentum above 0 and no dampening.
        help: set momentum: 0.9, or leave nesterov out]
    `);
    message(() => new Adam([variable], { weight_decay: 1 } as never)).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: Adam: unknown option \`weight_decay\`.
        help: did you mean \`weightDecay\`?]
    `);
    message(() => new Adam([variable], { betas: [0.9, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: Adam: option \`betas.1\`: expected two numbers from 0 to below 1, such as [0.9, 0.999], got 1 (number).]`,
    );
    message(() => new Adam([{ params: [variable], lr: -1 }])).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: Adam: parameter group 0: option \`lr\`: expected a number of at least 0, got -1 (number).]`,
    );
    message(() => fromTfOptimizer({} as never, [variable])).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: fromTfOptimizer: \`optimizer\`: expected a tf.train optimizer, got {} (object).]`,
    );
    variable.dispose();
  }));
