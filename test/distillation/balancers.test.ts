/** How losses become one: ModelOpt's rules for fixed weights, and the balancers that move. */
import {
  convert,
  DynamicLossBalancer,
  GradNormBalancer,
  LearnedTemperature,
  LogitsDistillationLoss,
  type LossBalancer,
  losses,
  MGDLoss,
  StaticLossBalancer,
  SumLossBalancer,
  startEngine,
  Trainer,
  tf,
  UncertaintyBalancer,
  WeightCallback,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';
import { batches, network } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

/** What a balancer makes of losses: numbers for outputs, and numbers for layers. */
function combine(
  balancer: LossBalancer,
  kd: number[],
  student?: number,
  { layers = [] as number[], kdWeight = 1 } = {},
) {
  const names = [...kd, ...layers].map((_, i) => `loss_${i}`);
  balancer.build?.(names);
  try {
    return tf.tidy(() => {
      const each = [...kd, ...layers].map((value, i) => ({
        name: names[i] as string,
        on: i < kd.length ? ('output' as const) : ('layer' as const),
        value: tf.scalar(value),
        gradientNorm: () => tf.scalar(value),
      }));
      const own = student === undefined ? undefined : tf.scalar(student);
      return balancer.combine({ kd: each, student: own, kdWeight }).dataSync()[0] as number;
    });
  } finally {
    tf.dispose((balancer.foundVariables?.() ?? []).map(({ variable }) => variable));
  }
}

test.for<[string, () => number, number]>([
  ['the default is one half', () => combine(new StaticLossBalancer(), [4], 2), 3],
  ['a number is the weight of the sum', () => combine(new StaticLossBalancer(0.5), [4, 6], 2), 6],
  ['a whole number is a number', () => combine(new StaticLossBalancer(1), [4]), 4],
  ['the student gets the rest', () => combine(new StaticLossBalancer([0.5, 0.2]), [4, 10], 20), 10],
  ['no rest, and its loss is not needed', () => combine(new StaticLossBalancer([0.5, 0.5]), [4, 6], 20), 5],
  [
    'what a schedule takes goes to the student',
    () => combine(new StaticLossBalancer(0.8), [10], 5, { kdWeight: 0.5 }),
    7,
  ],
  ['a sum', () => combine(new SumLossBalancer({ studentWeight: 0.1 }), [4, 6], 20, { kdWeight: 0.5 }), 7],
  [
    'dynamic: features to logits, all to the student',
    () => combine(new DynamicLossBalancer({ kdLossScale: 2 }), [4], 3, { layers: [10, 30] }),
    9,
  ],
  ['dynamic: a loss of zero stays zero', () => combine(new DynamicLossBalancer(), [0], 3), 3],
  ['uncertainty begins with halves', () => combine(new UncertaintyBalancer(), [4, 6], 20), 15],
  ['GradNorm begins with ones', () => combine(new GradNormBalancer({ studentWeight: 2 }), [4, 6], 1), 12],
])('%s', ([, body, expected]) => {
  expect(body()).toBeCloseTo(expected, 5);
});

test('GradNorm gives a loss with small gradients more weight', () => {
  const balancer = new GradNormBalancer({ alpha: 0, learningRate: 0.01, studentWeight: 0 });
  balancer.build(['a', 'b']);
  const loss = (value: number) => ({
    name: '',
    on: 'output' as const,
    value: tf.scalar(1),
    gradientNorm: () => tf.scalar(value),
  });
  for (let i = 0; i < 400; i++)
    tf.tidy(() => void balancer.combine({ kd: [loss(3), loss(1)], student: undefined, kdWeight: 1 }));
  const [weights] = balancer.foundVariables().map(({ variable }) => [...variable.dataSync()]) as [number[]];
  expect((weights[0] as number) + (weights[1] as number)).toBeCloseTo(2, 5);
  expect((weights[1] as number) / (weights[0] as number)).toBeCloseTo(3, 0);
  tf.dispose(balancer.foundVariables().map(({ variable }) => variable));
});

test('weights that cannot be are refused', async () => {
  expect([
    await messageFrom(() => new StaticLossBalancer([-0.5, 1])),
    await messageFrom(() => new StaticLossBalancer([0.7, 0.7])),
    await messageFrom(() => new StaticLossBalancer(Number.NaN)),
    await messageFrom(() => combine(new StaticLossBalancer([0.5, 0.2]), [1], 1)),
    await messageFrom(() => combine(new StaticLossBalancer(0.75), [1])),
  ]).toMatchInlineSnapshot(`
    [
      "ConfigError [invalid-weights] The loss balancer: expected a weight from 0 to 1, or an array of them, got [-0.5,1] (array).",
      "ConfigError [invalid-weights] The loss balancer: expected weights whose sum is at most 1, got 1.4.",
      "ConfigError [invalid-weights] The loss balancer: expected a weight from 0 to 1, or an array of them, got NaN (number).",
      "ConfigError [invalid-weights] The loss balancer: expected a weight for each of loss_0, got 2 weights.",
      "ConfigError [student-loss-missing] StaticLossBalancer: the student's own loss has the weight 0.25: expected \`computeKdLoss(studentLoss)\`, got no student loss.
      help: hand it over, or give the distillation losses all of the weight",
    ]
  `);
});

test('connectors, generators, learned temperatures and variances are trained with the student', async () => {
  const map = (seed: number, filters: number, size: number) =>
    tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'map', filters, kernelSize: 1, strides: 8 / size, inputShape: [8, 8, 1] }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 3, kernelInitializer: tf.initializers.glorotNormal({ seed }) }),
      ],
    });
  const [student, teacher] = [map(1, 2, 8), map(2, 5, 4)];
  const pair = { student: 'map', teacher: 'map' };
  const distiller = await convert(student, {
    teacherModel: teacher,
    criterion: [
      { loss: new LogitsDistillationLoss({ temperature: new LearnedTemperature({ warmUpEpochs: 0 }) }) },
      { ...pair, loss: losses.featureMse, connector: 'conv1x1Bn' },
      { ...pair, loss: new MGDLoss(), connector: 'conv1x1' },
    ],
    lossBalancer: new UncertaintyBalancer(),
  });
  const before = distiller.foundVariables().map(({ name, variable }) => ({ name, values: [...variable.dataSync()] }));
  const x = tf.randomNormal([4, 8, 8, 1], 0, 1, 'float32', 5);
  const y = tf.tensor1d([0, 1, 2, 0], 'int32');
  const weights = collect('trainBatchEnd', () => distiller.kdWeight);
  const callbacks = [new WeightCallback({ schedule: 'warmup', over: 2 }), weights];
  await new Trainer({ ...bare, maxEpochs: 3, callbacks }).fit(distiller, [{ x, y }]);
  expect(weights.seen).toEqual([0, 0.5, 1]);
  const after = new Map(distiller.foundVariables().map(({ name, variable }) => [name, [...variable.dataSync()]]));
  const still = before.filter(({ name, values }) => String(after.get(name)) === String(values)).map(({ name }) => name);
  expect(still).toEqual([]);
  expect(before.map(({ name }) => name).filter((name) => !name.startsWith('net.'))).toMatchInlineSnapshot(`
    [
      "kd.LogitsDistillationLoss_0.theta",
      "kd.featureMse_1.connector.2.kernel",
      "kd.featureMse_1.connector.3.gamma",
      "kd.featureMse_1.connector.3.beta",
      "kd.featureMse_1.connector.3.moving_mean",
      "kd.featureMse_1.connector.3.moving_variance",
      "kd.MGDLoss_2.generation.1.kernel",
      "kd.MGDLoss_2.generation.1.bias",
      "kd.MGDLoss_2.generation.2.kernel",
      "kd.MGDLoss_2.generation.2.bias",
      "kd.MGDLoss_2.connector.2.kernel",
      "kd.MGDLoss_2.connector.2.bias",
      "balancer.logVariance",
    ]
  `);
  const theta = after.get('kd.LogitsDistillationLoss_0.theta') as number[];
  expect(theta[0]).not.toBe(0);
  distiller.release();
  tf.dispose([x, y, ...[...student.weights, ...teacher.weights].map((weight) => weight.read())]);
});

test('a learned temperature is pushed the other way than the loss falls', () => {
  const learned = new LearnedTemperature({ warmUpEpochs: 10 });
  expect(learned.strength).toBe(0);
  learned.startEpoch(5);
  expect(learned.strength).toBeCloseTo(0.5, 10);
  learned.startEpoch(20);
  expect(learned.strength).toBe(1);
  const [student, teacher] = [tf.tensor2d([[2, -1, 0.5]]), tf.tensor2d([[1, 1, -2]])];
  const theta = learned.foundVariables()[0]?.variable as tf.Variable;
  const { value, grads } = tf.variableGrads(() => learned.klDivergence(student, teacher) as tf.Scalar, [theta]);
  const at = (z: number) => {
    const T = 1 + 20 / (1 + Math.exp(-z));
    return tf.tidy(() => losses.klDivergence(student, teacher, { temperature: T }).dataSync()[0] as number);
  };
  expect(value.dataSync()[0]).toBeCloseTo(at(0), 4);
  const gradient = (Object.values(grads)[0] as tf.Tensor).dataSync()[0] as number;
  expect(-gradient).toBeCloseTo((at(0.1) - at(-0.1)) / 0.2, 2);
  tf.dispose([student, teacher, theta, value, ...Object.values(grads)]);
});

test('the schedule of weights names what it cannot be', async () => {
  expect(await messageFrom(() => new WeightCallback({ schedule: 'linear', start: -1 }))).toContain(
    'a number of at least 0',
  );
  const [student, teacher] = [network(1), network(2)];
  const distiller = await convert(student, { teacherModel: teacher, criterion: new LogitsDistillationLoss() });
  const data = batches(1);
  const callbacks = new WeightCallback(() => -1);
  const fit = () => new Trainer({ ...bare, maxEpochs: 1, callbacks }).fit(distiller, data);
  expect(await messageFrom(fit)).toContain('[invalid-weight] The kdWeight of epoch 0');
  tf.dispose(data as never);
  for (const model of [student, teacher]) model.dispose();
});
