/** `trainer.check`: what a dry run tells, what it finds fault with, and that it leaves no trace. */
import { readdirSync } from 'node:fs';
import {
  Adam,
  ArrayDataset,
  type Callback,
  DataLoader,
  EarlyStopping,
  globalRandom,
  LightningModule,
  losses,
  ModelCheckpoint,
  ReduceLROnPlateau,
  RestoreBest,
  StepLR,
  seedEverything,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { Paper } from '../callbacks/screen.ts';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

interface Batch {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor1D;
}

/** Batch normalization, dropout, a part that is not used and one that no optimizer has. */
class Net extends LightningModule<Batch> {
  readonly net = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, inputShape: [3] }),
      tf.layers.batchNormalization({}),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dense({ units: 2 }),
    ],
  });
  readonly spare = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3], useBias: false })] });
  readonly forgotten = tf.tidy(() => tf.variable(tf.zeros([2])));

  override trainingStep({ x, y }: Batch) {
    const logits = this.net.apply(x, { training: this.training }) as tf.Tensor2D;
    const loss = losses.crossEntropy(logits, y);
    this.log('train_loss', loss);
    this.log('noise', globalRandom().uniform());
    return { loss, logits };
  }

  override validationStep({ x, y }: Batch) {
    const logits = this.net.apply(x) as tf.Tensor2D;
    this.log('val_loss', losses.crossEntropy(logits, y));
    return logits;
  }

  override onTrainEpochEnd(): void {
    this.log('late', 1);
  }

  override configureOptimizers() {
    const parameters = this.parameters().filter((variable) => variable !== this.forgotten);
    const optimizer = new Adam(parameters, { lr: 0.1 });
    return { optimizer, lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 2 }), interval: 'step' as const } };
  }
}

function loader(samples: number, batchSize: number): DataLoader<Batch> {
  const x = Float32Array.from({ length: samples * 3 }, (_, i) => Math.sin(i));
  const y = Int32Array.from({ length: samples }, (_, i) => i % 2);
  const dataset = new ArrayDataset({ x: { data: x, shape: [3] }, y: { data: y, shape: [] } });
  return new DataLoader(dataset, { batchSize, shuffle: true, seed: 5 }) as unknown as DataLoader<Batch>;
}

const flags: TrainerOptions = { engine: 'wasm', handleSignals: false, maxEpochs: 3, enableProgressBar: false };
const silent = { stream: false } as const;

test('shapes, metrics, the plan, and what to look at, before anything is trained', async () => {
  await expectNoLeak(async () => {
    const module = new Net();
    const paper = new Paper();
    const trainer = new Trainer({
      ...flags,
      logger: false,
      accumulateGradBatches: 2,
      callbacks: [new EarlyStopping({ monitor: 'val_los' }), new RestoreBest({ monitor: 'late' })],
    });
    const report = await trainer.check(module, { train: loader(20, 4), val: loader(6, 4) }, { stream: paper });
    expect(report).toMatchObject({
      ok: false,
      metrics: { train: ['train_loss', 'noise', 'late'], validate: ['val_loss'] },
      steps: 9,
      epochs: 3,
      validations: 3,
      schedulers: [{ name: 'StepLR', interval: 'step', steps: 9 }],
      unusedParameters: ['spare.0.kernel'],
    });
    expect(report.problems.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      'error missing-monitor',
      'warning unused-parameters',
      'warning parameters-without-optimizer',
    ]);
    expect(`\n${paper.text}`).toMatchInlineSnapshot(`
      "
      check of Net: 3 to look at
      loader  batches  a batch                        the step returns
      ──────────────────────────────────────────────────────────────────────────────────────
      train         5  x float32 [4, 3], y int32 [4]  logits float32 [4, 2], loss float32 []
      val           2  x float32 [4, 3], y int32 [4]  · float32 [4, 2]
      metrics: training train_loss, noise, late; validation val_loss
      9 optimizer steps in 3 epochs, 3 validations
      StepLR: 9 steps, one per step
      error: EarlyStopping watches \`val_los\`, which nobody logs; did you mean \`val_loss\`?
      warning: the loss does not depend on \`spare.0.kernel\`, which the optimizer has
      warning: no optimizer has \`forgotten\`: freeze them, or hand them to one
      "
    `);
    module.dispose();
  });
});

/** All that a check might have changed. */
function stateOf(module: Net, train: DataLoader<Batch>): unknown {
  return {
    weights: [...module.namedVariables()].map(([name, variable]) => [name, [...variable.dataSync()]]),
    random: globalRandom().state(),
    loader: train.state(),
    training: module.training,
  };
}

test('nothing is changed: weights, statistics, random streams, loader positions, files, the run that follows', async () => {
  const outcomes: unknown[] = [];
  for (const checks of [false, true]) {
    const restore = seedEverything(7);
    const module = new Net();
    const train = loader(20, 4);
    const defaultRootDir = freshDirectory();
    const heard: string[] = [];
    const callback: Callback = { setup: () => void heard.push('setup'), onTrainStart: () => void heard.push('start') };
    const trainer = new Trainer({ ...flags, defaultRootDir, enableModelSummary: false, callbacks: callback });
    if (checks) {
      const before = stateOf(module, train);
      expect((await trainer.check(module, { train, val: loader(6, 4) }, silent)).ok).toBe(true);
      expect(stateOf(module, train)).toEqual(before);
      expect([readdirSync(defaultRootDir), heard, trainer.status]).toEqual([[], [], 'idle']);
    }
    await trainer.fit(module, { train, val: loader(6, 4) });
    outcomes.push(stateOf(module, train));
    restore();
    module.dispose();
  }
  expect(outcomes[1]).toEqual(outcomes[0]);
});

async function problemsOf(module: BoringModule, data: unknown, options: TrainerOptions = {}): Promise<string[]> {
  const trainer = new Trainer({ ...flags, logger: false, ...options });
  const { problems } = await trainer.check(module, data as never, silent);
  module.dispose();
  return problems.map(({ code, message }) => `${code}: ${message.split('\n')[0]}`);
}

test('mistakes are found: empty and one-shot loaders, a loss that is none, monitors of schedulers, shared names', async () => {
  const vector = Object.assign(new BoringModule(), { trainingStep: ({ x }: { x: tf.Tensor }) => tf.mul(x, x) });
  const apart = Object.assign(new BoringModule(), { trainingStep: () => tf.scalar(1) });
  const plateau = new BoringModule();
  plateau.configureOptimizers = () => {
    const optimizer = BoringModule.prototype.configureOptimizers.call(plateau);
    const scheduler = new ReduceLROnPlateau(optimizer);
    return { optimizer, lrScheduler: { scheduler, monitor: 'val_acc' } } as never;
  };
  const shared = Object.assign(new BoringModule(), {
    validationStep(this: BoringModule) {
      this.log('train_loss', 1);
    },
  });
  const both = { train: boringLoader(2), val: boringLoader(1) };
  const throwing = Object.assign(new BoringModule(), {
    validationStep() {
      throw new TypeError('no such field');
    },
  });
  const found = {
    empty: await problemsOf(new BoringModule(), { train: boringLoader(0) }),
    oneShot: await problemsOf(new BoringModule(), boringLoader(2)[Symbol.iterator]()),
    vector: await problemsOf(vector, both),
    apart: await problemsOf(apart, both),
    plateau: await problemsOf(plateau, both),
    shared: await problemsOf(shared, both),
    throwing: await problemsOf(throwing, both),
    checkpoint: await problemsOf(new BoringModule(), both, {
      callbacks: new ModelCheckpoint({ monitor: 'val_accuracy', dirPath: freshDirectory() }),
    }),
    well: await problemsOf(new BoringModule(), both, { callbacks: new EarlyStopping({ monitor: 'val_loss' }) }),
  };
  expect(found).toMatchInlineSnapshot(`
    {
      "apart": [
        "loss-without-gradient: BoringModule.trainingStep: the loss: expected a loss that depends on the parameters given to the optimizer, got one that depends on none of them.",
      ],
      "checkpoint": [
        "missing-monitor: ModelCheckpoint watches \`val_accuracy\`, which nobody logs; logged are: train_loss, val_loss",
      ],
      "empty": [
        "empty-loader: The train loader: expected at least one batch in each epoch, got none.",
      ],
      "oneShot": [
        "one-shot-loader: a loader can be walked through only once (a generator object): a second epoch would find it empty. Give an object whose [Symbol.iterator] starts anew",
      ],
      "plateau": [
        "missing-monitor: ReduceLROnPlateau watches \`val_acc\`, which nobody logs; logged are: train_loss, val_loss",
      ],
      "shared": [
        "shared-metric-name: \`train_loss\` is logged in training and in validation: who watches it sees the one or the other",
      ],
      "throwing": [
        "run-failed: no such field",
      ],
      "vector": [
        "loss-not-scalar: BoringModule.trainingStep: the loss: expected a scalar, got shape [4,2].",
      ],
      "well": [],
    }
  `);
});

test.for<[TrainerOptions, number]>([
  [{}, 3],
  [{ checkValEveryNEpoch: 2 }, 1],
  [{ valCheckInterval: 2 }, 6],
  [{ valCheckInterval: 3, checkValEveryNEpoch: null }, 5],
  [{ valCheckInterval: '50%' }, 6],
  [{ maxSteps: 7, maxEpochs: -1 }, 1],
])('validations of three epochs of five batches with %o: %i, as a fit has them', async ([options, expected]) => {
  const trainer = new Trainer({ ...flags, ...options, barebones: true, enableProgressBar: undefined });
  const module = new BoringModule();
  const { validations } = await trainer.check(module, { train: boringLoader(5), val: boringLoader(1) }, silent);
  await trainer.fit(module, boringLoader(5), boringLoader(1));
  module.dispose();
  expect([validations, trainer.validations]).toEqual([expected, expected]);
});

test('a run that goes on, and unknown options, are errors', async () => {
  const module = new BoringModule();
  const trainer = new Trainer({ ...flags, barebones: true, enableProgressBar: undefined, maxEpochs: 1 });
  const texts: string[] = [];
  module.onTrainStart = async () => {
    texts.push(await messageFrom(() => trainer.check(module, boringLoader(1), silent)));
  };
  await trainer.fit(module, boringLoader(1));
  texts.push(await messageFrom(() => trainer.check(module, boringLoader(1), { steam: false } as never)));
  module.dispose();
  expect(texts).toMatchInlineSnapshot(`
    [
      "ConfigError [already-running] trainer.check: expected an idle trainer, got one in which \`fit\` is running.
      help: await the first call, or use a second trainer",
      "ConfigError [unknown-option] trainer.check: unknown option \`steam\`.
      help: did you mean \`stream\`?",
    ]
  `);
});
