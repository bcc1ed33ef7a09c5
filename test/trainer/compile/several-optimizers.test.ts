/** Every optimizer, and several of them, by hand and by the trainer: compiled beside eager, on native TensorFlow. */
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  type Callback,
  ImageClassificationModel,
  LightningModule,
  Lion,
  losses,
  type ManualOptimizer,
  mlp,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  SGD,
  startEngine,
  tf,
} from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectSame, NATIVE, train, WHERE } from './support.ts';

type Batch = { x: tf.Tensor2D; y: tf.Tensor1D };
type Options = Parameters<typeof train>[2];
type Module = LightningModule<never>;

/** A classifier and a second one that learns to agree with it, each with an optimizer. */
abstract class Two extends LightningModule<Batch> {
  readonly first = mlp({ inputs: 8, hidden: [6], classes: 4, dropout: 0.2 });
  readonly second = mlp({ inputs: 8, hidden: [5], classes: 4 });

  lossOfFirst({ x, y }: Batch): tf.Scalar {
    return losses.crossEntropy(this.first.apply(x, { training: this.training }) as tf.Tensor2D, y);
  }
  lossOfSecond({ x }: Batch): tf.Scalar {
    return losses.mse(this.second.apply(x) as tf.Tensor, this.first.apply(x) as tf.Tensor) as tf.Scalar;
  }
  override configureOptimizers() {
    const of = (net: tf.LayersModel) => net.trainableWeights.map((weight) => weight.read() as tf.Variable);
    return [
      { name: 'first', optimizer: new Adam(of(this.first), { lr: 1e-2 }) as Optimizer },
      { name: 'second', optimizer: new SGD(of(this.second), { lr: 1e-2, momentum: 0.9 }) as Optimizer },
    ];
  }
}

class ByName extends Two {
  override trainingStep(batch: Batch) {
    return { losses: { first: this.lossOfFirst(batch), second: this.lossOfSecond(batch) } };
  }
}

/** The second learns from every third batch only. */
class InTurns extends Two {
  turn: 'first' | 'second' = 'first';
  override onTrainBatchStart(_: Batch, batchIdx: number): void {
    this.turn = batchIdx % 3 === 2 ? 'second' : 'first';
  }
  override trainingStep(batch: Batch) {
    return {
      losses: this.turn === 'first' ? { first: this.lossOfFirst(batch) } : { second: this.lossOfSecond(batch) },
    };
  }
}

class ByHand extends Two {
  override automaticOptimization = false;
  override trainingStep(batch: Batch): { loss: tf.Tensor } {
    const [first, second] = this.optimizers() as [ManualOptimizer, ManualOptimizer];
    const scale = tf.scalar(0.5);
    const gradients = this.manualBackward(() => this.lossOfFirst(batch), first);
    first.step(Object.fromEntries(Object.entries(gradients).map(([name, each]) => [name, tf.mul(each, scale)])));
    second.step(this.manualBackward(() => this.lossOfSecond(batch), second)); // of the first as it is now
    const loss = this.lossOfSecond(batch);
    this.log('agreement', loss);
    return { loss };
  }
}

/** One loss, of which each half of the network has its own optimizer. */
class Halves extends ImageClassificationModel {
  override configureOptimizers() {
    const [kernel, ...rest] = this.parameters() as [tf.Variable, ...tf.Variable[]];
    return [new AdamW([kernel], { lr: 1e-2 }), new RMSprop(rest, { lr: 1e-3 })] as Optimizer[];
  }
}
const halves = () => new Halves({ encoder: mlp({ inputs: 8, hidden: [12], classes: 4 }), classes: 4, head: 'none' });

const CASES: Readonly<Record<string, readonly [make: () => unknown, options: Options]>> = {
  'a loss for each by name': [() => new ByName(), {}],
  'a loss for each, clipped, over windows of three': [
    () => new ByName(),
    { accumulateGradBatches: 3, gradientClipVal: 0.1 },
  ],
  'one loss for both': [halves, {}],
  'in turns': [() => new InTurns(), {}],
  'by hand, one after the other': [() => new ByHand(), {}],
};

/** Says of a run what was warned about. */
async function refusalOf(make: () => unknown, callbacks: Callback[] = []): Promise<string> {
  const run = train(make as () => Module, [8], { maxSteps: 12, compile: true, callbacks, limitValBatches: 0 });
  return run.then(
    () => '',
    (error: Error) => error.message,
  );
}

describe.skipIf(!NATIVE)(`several optimizers, compiled${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test.each(Object.entries(CASES))('%s: as eager ones', async (_, [make, options]) => {
    const given = { maxSteps: 60, limitValBatches: 0, ...options };
    const eager = await train(make as () => Module, [8], { ...given, compile: false });
    expectSame(await train(make as () => Module, [8], { ...given, compile: true }), eager);
  });

  test('what a step of several cannot be is named', async () => {
    class Counting extends ByName {
      override trainingStep(batch: Batch, batchIdx?: number) {
        return batchIdx === 3 ? super.trainingStep(batch) : { losses: { first: this.lossOfFirst(batch) } as never };
      }
    }
    class Twice extends ByHand {
      override trainingStep(batch: Batch) {
        super.trainingStep(batch);
        return super.trainingStep(batch);
      }
    }
    class Slower extends ByHand {
      override trainingStep(batch: Batch) {
        for (const each of this.optimizers()) each.optimizer.lr *= 0.99;
        return super.trainingStep(batch);
      }
    }
    class Asking extends ByHand {
      override trainingStep(batch: Batch) {
        if ((this.optimizers()[0] as ManualOptimizer).stepCount > 7) this.log('late', 1);
        return super.trainingStep(batch);
      }
    }
    expect(await refusalOf(() => new Counting())).toContain('Counting.trainingStep takes `batchIdx`');
    expect(await refusalOf(() => new Twice())).toContain('Adam steps 2 times within the step');
    expect(await refusalOf(() => new Slower())).toContain(
      "an optimizer's options or a scheduler change within the step",
    );
    expect(await refusalOf(() => new Asking())).toMatch(
      /asks for the steps of 'first' \(several-optimizers\.test\.ts:\d+\)/,
    );
  });

  const lr = 1e-3;
  const OPTIMIZERS: Readonly<Record<string, (params: tf.Variable[]) => Optimizer>> = {
    SGD: (params) => new SGD(params, { lr, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    Adam: (params) => new Adam(params, { lr, amsgrad: true, weightDecay: 0.1 }),
    AdamW: (params) => new AdamW(params, { lr, maximize: true }),
    RMSprop: (params) => new RMSprop(params, { lr, momentum: 0.9, centered: true }),
    Adagrad: (params) => new Adagrad(params, { lr, lrDecay: 0.01 }),
    Adadelta: (params) => new Adadelta(params, { lr: 1 }),
    Adamax: (params) => new Adamax(params, { lr }),
    NAdam: (params) => new NAdam(params, { lr }),
    RAdam: (params) => new RAdam(params, { lr }),
    Lion: (params) => new Lion(params, { lr, maxNorm: 1 }),
  };

  test.each(Object.entries(OPTIMIZERS))('%s: as eager', async (_, optimizer) => {
    class One extends ImageClassificationModel {
      override configureOptimizers() {
        return optimizer(this.parameters());
      }
    }
    const encoder = () => mlp({ inputs: 8, hidden: [6], classes: 4 });
    const make = () => new One({ encoder: encoder(), classes: 4, head: 'none' }) as never as Module;
    const given = { maxSteps: 24, limitValBatches: 0 };
    const eager = await train(make, [8], { ...given, compile: false });
    expectSame(await train(make, [8], { ...given, compile: true }), eager);
  });

  test('an optimizer of tfjs runs eagerly', async () => {
    class Stock extends ImageClassificationModel {
      override configureOptimizers() {
        return tf.train.adam(1e-3) as never;
      }
    }
    const make = () => new Stock({ encoder: mlp({ inputs: 8, hidden: [3], classes: 4 }), classes: 4, head: 'none' });
    expect(await refusalOf(make)).toContain("tf.Adam is no optimizer of Kelvin's");
  });
});
