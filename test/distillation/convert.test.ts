/** convert and exportStudent: the same student, one forward pass, an untouched teacher, nothing left behind. */
import { join } from 'node:path';
import {
  convert,
  type DistillationCriterion,
  exportStudent,
  LogitsDistillationLoss,
  losses,
  readCheckpoint,
  restoreStudent,
  StaticLossBalancer,
  SumLossBalancer,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { batches, Classifier, countCalls, network, weightsOf } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const kd = () => new LogitsDistillationLoss({ temperature: 2 });
const quiet = { lrSchedule: 'constant', optimizer: 'sgd', learningRate: 0.05 } as const;

describe.each(['a model', 'a module'])('%s as student', (kind) => {
  const wrap = (net: tf.LayersModel) => (kind === 'a model' ? net : new Classifier(net));

  test('is trained, alone, and given back as it was', async () => {
    const data = batches();
    const [net, teacher] = [network(1), network(7, 9)];
    const student = wrap(net);
    const before = { teacher: weightsOf(teacher), student: weightsOf(net), tensors: tf.memory().numTensors };
    const distiller = await convert(student, {
      teacherModel: teacher,
      criterion: [
        { loss: kd() },
        { student: 'hidden', teacher: 'hidden', loss: losses.featureMse, connector: 'linear', weight: 10 },
      ],
      lossBalancer: new StaticLossBalancer([0.5, 0.2]),
      training: kind === 'a model' ? quiet : undefined,
    });
    expect(distiller.student).toBe(student);
    expect([...distiller.namedVariables().keys()]).toEqual([
      'net.hidden.kernel',
      'net.hidden.bias',
      'net.logits.kernel',
      'net.logits.bias',
      'kd.featureMse_1.connector.1.kernel',
      'kd.featureMse_1.connector.1.bias',
    ]);
    const calls = [net, teacher].map((model) => countCalls(model.getLayer('hidden')));
    const { metrics } = await new Trainer({ ...bare, maxEpochs: 2 }).fit(distiller, data);
    expect(calls.map(({ calls }) => calls)).toEqual([4, 4]); // one forward pass per model and step
    for (const model of [net, teacher]) Reflect.deleteProperty(model.getLayer('hidden'), 'call');
    expect(metrics.train_distillation_loss).toBeCloseTo(
      0.5 * (metrics.train_LogitsDistillationLoss_0 as number) +
        0.2 * (metrics.train_featureMse_1 as number) +
        0.3 * (metrics.train_student_loss as number),
      5,
    );
    expect(metrics.train_loss).toBeCloseTo(metrics.train_student_loss as number, 6);
    expect(weightsOf(teacher)).toEqual(before.teacher);
    expect(weightsOf(net)).not.toEqual(before.student);
    expect(exportStudent(distiller)).toBe(student);
    expect(tf.memory().numTensors).toBe(before.tensors);
    expect(net.layers.every((layer) => !Object.hasOwn(layer, 'call'))).toBe(true);
    if (student instanceof Classifier) expect(student.seen).toEqual(['epoch 0', 'epoch 1']);
    tf.tidy(() => {
      expect((net.predict(tf.zeros([1, 4])) as tf.Tensor).shape).toEqual([1, 3]);
    });
    tf.dispose([...net.weights, ...teacher.weights].map((weight) => weight.read()));
    tf.dispose(data as never);
  });

  test('its checkpoint holds no teacher, resumes exactly, and loads into the bare student', async () => {
    const data = batches(3);
    const path = join(freshDirectory(), 'mid.ckpt');
    const teacher = network(7, 9);
    const run = async (ckptPath?: string, maxEpochs = 2) => {
      const net = network(1);
      const distiller = await convert(wrap(net), {
        teacherModel: teacher,
        criterion: { ' -> ': kd() },
        lossBalancer: new StaticLossBalancer(0.7),
        ...(kind === 'a model' && { training: quiet }),
      });
      const trainer = new Trainer({ ...bare, maxEpochs });
      await trainer.fit(distiller, data, undefined, { ckptPath });
      if (maxEpochs === 1) await trainer.saveCheckpoint(path);
      exportStudent(distiller);
      const weights = weightsOf(net);
      net.dispose();
      return weights;
    };
    const half = await run(undefined, 1);
    expect(await run(path)).toEqual(await run());
    const { tensors, state } = await readCheckpoint(path);
    expect([...tensors.keys()].filter((name) => name.startsWith('model/'))).toHaveLength(4);
    expect(state.user).toMatchObject({ distillation: { teacher: teacher.name } });
    const bareNet = network(3);
    await expectNoLeak(() => restoreStudent(wrap(bareNet), path));
    expect(weightsOf(bareNet)).toEqual(half);
    bareNet.dispose();
    teacher.dispose();
    tf.dispose(data as never);
  });
});

test('forward, computeKdLoss and the scopes', async () => {
  const [net, teacher] = [network(1), network(7)];
  const criterion: DistillationCriterion = [
    { loss: kd() },
    { student: 'hidden', teacher: 'hidden', loss: losses.featureMse },
    { student: 'hidden', teacher: 'hidden', loss: losses.featureCosine },
  ];
  const lossBalancer = new SumLossBalancer();
  const distiller = await convert(net, { teacherModel: teacher, criterion, lossBalancer });
  tf.tidy(() => {
    const x = tf.ones([2, 4]);
    const own = tf.scalar(3);
    const plain = [...(net.apply(x) as tf.Tensor).dataSync()];
    const taught = [...(teacher.apply(x) as tf.Tensor).dataSync()];
    expect([...distiller.forward(x).dataSync()]).toEqual(plain);
    const parts = distiller.computeKdLoss(own, { skipBalancer: true });
    expect(Object.keys(parts)).toEqual(['student_loss', 'LogitsDistillationLoss_0', 'featureMse_1', 'featureCosine_2']);
    const total = Object.values(parts).reduce((sum, part) => sum + (part.dataSync()[0] as number), 0);
    expect(distiller.computeKdLoss(own).dataSync()[0]).toBeCloseTo(total, 5);
    expect([...distiller.onlyTeacher(() => distiller.forward(x)).dataSync()]).toEqual(taught);
    const counter = countCalls(teacher.getLayer('hidden'));
    distiller.onlyStudent(() => distiller.forward(x));
    distiller.hideTeacher(() => expect(distiller.teacher).toBeUndefined());
    expect(counter.calls).toBe(0);
    expect(distiller.teacher).toBeDefined();
    Reflect.deleteProperty(teacher.getLayer('hidden'), 'call');
  });
  exportStudent(distiller);
  net.dispose();
  teacher.dispose();
});

test('nested and shared layers are tapped by path and call', async () => {
  const block = tf.sequential({
    name: 'block',
    layers: [tf.layers.dense({ name: 'inner', units: 3, inputShape: [3] })],
  });
  const input = tf.input({ shape: [3] });
  const twice = block.apply(block.apply(input)) as tf.SymbolicTensor;
  const net = tf.model({ inputs: input, outputs: twice });
  const teacher = network(7, 3);
  const inputs = tf.ones([2, 3]);
  const from = async (student: string) => {
    const distiller = await convert(net, {
      teacherModel: { name: 'fixed', outputs: (x) => new Map([['', tf.zerosLike(x)]]) },
      criterion: [{ student, loss: losses.featureMse }],
    });
    return tf.tidy(() => {
      distiller.forward(inputs);
      return distiller.computeKdLoss().dataSync()[0] as number;
    });
  };
  const mean = (x: tf.Tensor) => tf.mean(tf.square(x)).dataSync()[0] as number;
  const [first, second] = tf.tidy(() => {
    const once = block.apply(inputs) as tf.Tensor;
    return [mean(once), mean(block.apply(once) as tf.Tensor)];
  });
  expect(await from('block/inner#0')).toBeCloseTo(first as number, 5);
  expect(await from('block/inner#1')).toBeCloseTo(second as number, 5);
  expect(await messageFrom(() => from('block/inner'))).toMatchInlineSnapshot(`
    "ConfigError [ambiguous-layer] The student: layer 'block/inner' runs 2 times in one forward pass.
      help: say which call is meant: 'block/inner#0' to 'block/inner#1'"
  `);
  inputs.dispose();
  tf.dispose([...block.weights, ...teacher.weights].map((weight) => weight.read()));
});

test('what does not fit says so', async () => {
  const [net, teacher] = [network(1), network(7, 9)];
  const soft = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4], activation: 'softmax' })] });
  const make = (options: object) => () => convert(net, { teacherModel: teacher, criterion: kd(), ...options });
  const step = async (options: object) => {
    const distiller = await make(options)();
    return messageFrom(() =>
      tf.tidy(() => {
        distiller.forward(tf.ones([2, 4]));
        distiller.computeKdLoss(undefined);
      }),
    );
  };
  const pair = (more: object) => [{ student: 'hidden', teacher: 'hidden', loss: losses.featureMse, ...more }];
  expect({
    teacher: await messageFrom(make({ teacherModel: undefined })),
    option: await messageFrom(make({ balancer: 1 })),
    layer: await messageFrom(make({ criterion: pair({ student: 'hiden' }) })),
    teacherLayer: await messageFrom(make({ criterion: pair({ teacher: 'conv9' }) })),
    balancer: await messageFrom(make({ criterion: [{ loss: kd() }, ...pair({})] })),
    key: await messageFrom(make({ criterion: { hidden: kd() } })),
    shape: await step({ criterion: pair({}) }),
    studentLoss: await step({ lossBalancer: new StaticLossBalancer(0.5) }),
    probabilities: await step({ teacherModel: { forward: (x: tf.Tensor) => soft.apply(x), eval: () => {} } }),
    tooEarly: await messageFrom(async () => (await make({})()).computeKdLoss()),
  }).toMatchInlineSnapshot(`
    {
      "balancer": "ConfigError [balancer-missing] The distillation: expected a \`lossBalancer\` for 2 losses, got none.
      help: new StaticLossBalancer([0.5, 0.3]) leaves 0.2 for the student loss; see also SumLossBalancer",
      "key": "ConfigError [invalid-criterion] The criterion of the distillation: expected keys of the form 'student -> teacher', got 'hidden'.",
      "layer": "ConfigError [unknown-layer] The student has no layer 'hiden': expected one of hidden, logits.
      help: did you mean 'hidden'?",
      "option": "ConfigError [unknown-option] convert: unknown option \`balancer\`.
      help: known options: teacherModel, criterion, lossBalancer, training, probabilities, loadGraphModel, onnxRuntime",
      "probabilities": "ConfigError [probabilities-not-logits] The teacher gives probabilities: expected logits: the softmax belongs to the loss, behind the temperature.
      help: take the softmax off, give a tf.LayersModel whose last layer can be told, or say \`probabilities: true\` of a teacher",
      "shape": "DataError [feature-shape] featureMse: the student's features do not fit the teacher's: expected [2, 9], got [2, 5].
      help: a connector makes them fit: { …, connector: 'linear' }",
      "studentLoss": "ConfigError [student-loss-missing] StaticLossBalancer: the student's own loss has the weight 0.5: expected \`computeKdLoss(studentLoss)\`, got no student loss.
      help: hand it over, or give the distillation losses all of the weight",
      "teacher": "ConfigError [invalid-option] convert: option \`teacherModel\`: expected a model, a factory or a file:// URL, got undefined.",
      "teacherLayer": "ConfigError [unknown-layer] The teacher has no layer 'conv9': expected one of hidden, logits.
      help: nested layers are named by their path: block1/conv2",
      "tooEarly": "ConfigError [no-forward] The distillation has seen no forward pass of the student: expected a training step that calls \`this.forward(x)\` with a tensor and gets one back.
      help: call \`computeKdLoss\` in the same training step, after the forward pass",
    }
  `);
  for (const model of [net, teacher, soft]) model.dispose();
});
