import { type Callback, ImageClassificationModel, type LightningModule, mlp, startEngine, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectSame, NATIVE, perceptron, train, WHERE, wholeAndResumed } from './support.ts';

type Module = LightningModule<never>;

describe.skipIf(!NATIVE)(`a compiled run${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test('a resumed run ends with the same bits', async () => {
    const { whole, resumed } = await wholeAndResumed(40, { dropout: 0.4 });
    expect(resumed.weights).toEqual(whole.weights);
  });

  test('what eager code reads and sets within training is what is trained', async () => {
    const seen: number[] = [];
    const meddling = (compile: boolean): Callback => ({
      onTrainBatchEnd: (trainer, module) => {
        const [kernel] = module.parameters() as [tf.Variable];
        if (trainer.globalStep % 7 === 0) seen.push(kernel.dataSync()[0] as number);
        if (trainer.globalStep === 20) tf.tidy(() => kernel.assign(tf.mul(kernel, 0.5)));
        if (compile && trainer.globalStep === 20) expect(kernel.dataSync()[0]).toBeCloseTo(seen.at(-1) as number, -1);
      },
    });
    const eager = await train(perceptron() as () => Module, [8], {
      maxSteps: 40,
      compile: false,
      callbacks: [meddling(false)],
    });
    const read = seen.splice(0);
    const compiled = await train(perceptron() as () => Module, [8], {
      maxSteps: 40,
      compile: true,
      callbacks: [meddling(true)],
    });
    expectSame(compiled, eager);
    for (const [i, value] of seen.entries()) expect(value).toBeCloseTo(read[i] as number, 5);
  });

  test('tensors that share a weight keep the values of then', async () => {
    let kept: tf.Tensor | undefined;
    let replaced: tf.Tensor | undefined;
    const values: number[][] = [];
    const callback: Callback = {
      onTrainBatchEnd: (trainer, module) => {
        const [kernel] = module.parameters() as [tf.Variable];
        if (trainer.globalStep === 10) {
          kept = tf.keep(tf.clone(kernel));
          values.push([...kernel.dataSync()]);
        }
        if (trainer.globalStep !== 12) return;
        replaced = tf.keep(tf.clone(kernel)); // not read before others are assigned
        tf.tidy(() => kernel.assign(tf.zerosLike(kernel)));
      },
      onTrainBatchStart: (trainer, module) => {
        const [kernel] = module.parameters() as [tf.Variable];
        if (trainer.globalStep === 12) expect(Math.max(...kernel.dataSync())).toBe(0);
      },
    };
    await train(perceptron() as () => Module, [8], { maxSteps: 20, compile: true, callbacks: [callback] });
    expect([...(kept as tf.Tensor).dataSync()]).toEqual(values[0]);
    const moved = [...(replaced as tf.Tensor).dataSync()].map((value, i) =>
      Math.abs(value - (values[0]?.[i] as number)),
    );
    expect(Math.max(...moved)).toBeLessThan(0.05); // by two steps, and not by the next one from zero
    tf.dispose([kept, replaced] as tf.Tensor[]);
  });

  test('a loss that is no number stops the run before the weights are touched', async () => {
    class Exploding extends ImageClassificationModel {
      scale = 1;
      override trainingStep(batch: never, batchIdx: number) {
        return tf.mul(super.trainingStep(batch, batchIdx) as tf.Scalar, tf.log(tf.scalar(this.scale).add(1)));
      }
    }
    let module: Exploding | undefined;
    const before: number[][] = [];
    const make = () => {
      module = new Exploding({ encoder: mlp({ inputs: 8, hidden: [3], classes: 4 }), classes: 4, head: 'none' });
      return module as never;
    };
    const callback: Callback = {
      onTrainBatchEnd: (trainer) => {
        if (trainer.globalStep >= 10) (module as Exploding).scale = trainer.globalStep >= 12 ? -2 : 2;
      },
      onTrainBatchStart: (_trainer, own) => {
        before.push([...(own.parameters()[0] as tf.Variable).dataSync()]);
      },
      onException: (_trainer, own) => {
        expect([...(own.parameters()[0] as tf.Variable).dataSync()]).toEqual(before.at(-1));
      },
    };
    await expect(train(make, [8], { maxSteps: 40, compile: true, callbacks: [callback] })).rejects.toMatchObject({
      code: 'non-finite-loss',
    });
  });

  test('a step that cannot be compiled is named', async () => {
    class Reading extends ImageClassificationModel {
      override trainingStep(batch: never, batchIdx: number) {
        const loss = super.trainingStep(batch, batchIdx) as tf.Scalar;
        loss.dataSync();
        return loss;
      }
    }
    class Stepping extends ImageClassificationModel {
      override optimizerStep(_epoch: number, _batchIdx: number, _optimizer: never, apply: () => void) {
        apply();
      }
    }
    const of = (Kind: typeof ImageClassificationModel) => () =>
      new Kind({ encoder: mlp({ inputs: 8, hidden: [3], classes: 4 }), classes: 4, head: 'none' }) as never;
    const refusal = async (make: () => Module, callbacks: Callback[] = []): Promise<string> => {
      const run = train(make, [8], { maxSteps: 10, compile: true, callbacks });
      return run.then(
        () => '',
        (error: Error) => error.message,
      );
    };
    expect(await refusal(of(Reading))).toMatch(/read within the step \(compiled-run\.test\.ts:\d+\)/);
    expect(await refusal(of(Stepping))).toContain('Stepping has an `optimizerStep` of its own');
    expect(await refusal(of(ImageClassificationModel), [{ onAfterBackward: () => {} }])).toContain('`afterBackward`');
  });

  test('the module is asked only while its steps are recorded', async () => {
    const calls = { train: 0, val: 0 };
    class Counted extends ImageClassificationModel {
      override trainingStep(batch: never, batchIdx: number) {
        calls.train++;
        return super.trainingStep(batch, batchIdx);
      }
      override validationStep(batch: never, batchIdx: number) {
        calls.val++;
        return super.validationStep(batch, batchIdx);
      }
    }
    const make = () =>
      new Counted({
        encoder: mlp({ inputs: 8, hidden: [3], classes: 4 }),
        classes: 4,
        head: 'none',
      }) as never as Module;
    const { metrics } = await train(make, [8], { maxSteps: 36, numSanityValSteps: 0, compile: true });
    // The first step, then two of each shape of batch.
    expect(calls).toEqual({ train: 5, val: 4 });
    expect(metrics.val_loss).toBeGreaterThan(0);
  });

  test("'auto' says so once and trains eagerly", async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', listen);
    const run = await train(perceptron() as () => Module, [8], {
      maxSteps: 10,
      callbacks: [{ onAfterBackward: () => {} }],
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(run.losses).toHaveLength(10);
    expect(warnings.filter((text) => text.includes('eagerly'))).toHaveLength(1);
  });
});
