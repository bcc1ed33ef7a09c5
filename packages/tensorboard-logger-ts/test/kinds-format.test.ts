/**
 * The bytes of the kinds beyond scalars and histograms, held against records that TensorBoard 2.21's own protobuf classes
 * and RecordWriter made (wall time 1.5 s throughout; the curve's counts by PyTorch 2.13's `compute_curve`).
 */
import { kerasGraph, SummaryWriter, type SummaryWriterOptions } from 'tensorboard-logger-ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { rawRecords, tempDir } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1500 });
});

afterEach(() => {
  vi.useRealTimers();
});

async function recordsOf(write: (writer: SummaryWriter) => void, options?: SummaryWriterOptions): Promise<string[]> {
  const writer = new SummaryWriter(tempDir(), options);
  write(writer);
  await writer.close();
  return rawRecords(writer.file).slice(2);
}

test('precision-recall curve', async () => {
  const records = await recordsOf((writer) => {
    writer.addPrCurve('p', [1, 1, 0, 1, 0], [0.9, 0.6, 0.5, 0.2, 0.1], 1, { thresholds: 3 });
  });
  expect(records).toEqual([
    '7f0000000000000050391acb09000000000000f83f10012a720a700a017042560801120812020806120208032a48000040400000004000000000000000400000803f00000000000000000000803f00000040000000000000803f000040409a99193fabaa2a3f000000000000803fabaa2a3f000000004a130a0f0a0970725f637572766573120210032002bad1a137',
  ]);
});

test('sound', async () => {
  const sound = { sampleRate: 8000, data: [0, 1, -1, 16384 / 32767] };
  expect(await recordsOf((writer) => writer.addAudio('a', sound, 1))).toEqual([
    '6300000000000000b16b13d909000000000000f83f10012a560a540a0161423e08071204120208014234524946462c00000057415645666d74201000000001000100401f0000803e00000200100064617461080000000000ff7f018000404a0f0a0b0a05617564696f1202100b20030f2f48cc',
  ]);
});

test('mesh: vertices, faces and colours, a tag each', async () => {
  const vertices = [0, 0, 0, 1, 0, 0, 0, 1, 0];
  const colors = [255, 0, 0, 0, 255, 0, 0, 0, 255];
  expect(await recordsOf((writer) => writer.addMesh('m', { vertices, faces: [0, 1, 2], colors }, 1))).toEqual([
    '6f000000000000006c3181de09000000000000f83f10012a620a600a086d5f56455254455842360801120c1202080112020803120208032a240000000000000000000000000000803f0000000000000000000000000000803f000000004a1c0a180a046d657368121012016d18012a027b7d3203010303380e2002806afba8',
    '4c00000000000000f5d4a2a009000000000000f83f10012a3f0a3d0a066d5f4641434542150803120c1202080112020801120208033a030001024a1c0a180a046d657368121012016d18022a027b7d3203010103380e20028b67bc7f',
    '56000000000000004e2de2b209000000000000f83f10012a490a470a076d5f434f4c4f52421e0804120c1202080112020803120208033a0cff01000000ff01000000ff014a1c0a180a046d657368121012016d18032a027b7d3203010303380e200261d287ec',
  ]);
});

test('layout of the custom scalars', async () => {
  const layout = { losses: { both: ['a', 'b'], band: { margins: [{ value: 'v', lower: 'l', upper: 'u' }] } } };
  expect(await recordsOf((writer) => writer.addCustomScalars(layout))).toEqual([
    '74000000000000005f6773d209000000000000f83f2a690a670a18637573746f6d5f7363616c6172735f5f636f6e6669675f5f423508071200422f122d0a066c6f73736573120e0a04626f746812060a01610a016212130a0462616e641a0b0a090a017612016c1a01754a140a100a0e637573746f6d5f7363616c6172732002f37483dd',
  ]);
});

test('graph', async () => {
  const nodes = [
    { name: 'net/in', op: 'InputLayer', outputShape: [null, 4] },
    {
      name: 'net/out',
      op: 'Dense',
      inputs: ['net/in'],
      attributes: { units: 3, activation: 'relu', bias: true, rate: 0.5 },
    },
  ];
  expect(await recordsOf((writer) => writer.addGraph(nodes))).toEqual([
    'a300000000000000b3c7bf2e09000000000000f83f2297010a3d0a066e65742f696e120a496e7075744c617965722a270a0e5f6f75747075745f73686170657312150a133a11120b08ffffffffffffffffff01120208040a560a076e65742f6f7574120544656e73651a066e65742f696e2a140a0a61637469766174696f6e1206120472656c752a0a0a0462696173120228012a0d0a04726174651205250000003f2a0b0a05756e69747312021803efb98c55',
  ]);
});

test('scalars as tensors, with a name and a description', async () => {
  const records = await recordsOf(
    (writer) => {
      writer.describe('l', { displayName: 'Loss', description: '**mean**' });
      writer.addScalar('l', 0.25, 1);
      writer.addScalar('l', 0.5, 2);
    },
    { scalarFormat: 'tensor' },
  );
  expect(records).toEqual([
    '3d000000000000006049f1ec09000000000000f83f10012a300a2e0a016c420a080112002a040000803e4a1d0a090a077363616c61727312044c6f73731a082a2a6d65616e2a2a20016b90d9fb',
    '1e00000000000000d9dc123209000000000000f83f10022a110a0f0a016c420a080112002a040000003f07b41c90',
  ]);
});

const layer = (class_name: string, name: string, config: object, from: string[]) => ({
  class_name,
  name,
  config: { name, ...config },
  inbound_nodes: from.length === 0 ? [] : [from.map((source) => [source, 0, 0, {}])],
});

test('a Keras model becomes nodes: functional, with a sequential model inside', () => {
  const inner = {
    class_name: 'Sequential',
    name: 'head',
    config: {
      name: 'head',
      layers: [layer('Dense', 'a', { units: 8, kernel_size: [3, 3] }, []), layer('Dense', 'b', { units: 2 }, [])],
    },
    inbound_nodes: [[['x', 0, 0, {}]]],
  };
  const model = {
    class_name: 'Functional',
    config: {
      name: 'net',
      layers: [
        layer('InputLayer', 'x', { batch_input_shape: [null, 4] }, []),
        inner,
        layer('Add', 'sum', {}, ['x', 'head']),
      ],
      input_layers: [['x', 0, 0]],
      output_layers: [['sum', 0, 0]],
    },
  };
  expect(kerasGraph(model, { sum: [null, 2] }).map(({ name, op, inputs }) => [name, op, inputs])).toEqual([
    ['net/x', 'InputLayer', []],
    ['net/head/a', 'Dense', ['net/x']],
    ['net/head/b', 'Dense', ['net/head/a']],
    ['net/sum', 'Add', ['net/x', 'net/head/b']],
  ]);
  expect(kerasGraph(model)[1]?.attributes).toEqual({ units: 8, kernel_size: '3 × 3' });
  expect(kerasGraph(model, { sum: [null, 2] }).map(({ outputShape }) => outputShape)).toEqual([
    [null, 4],
    undefined,
    undefined,
    [null, 2],
  ]);
});

test('a sequential model gets an input node, and the edges of Keras 3 are read too', () => {
  const dense = layer('Dense', 'a', { batch_input_shape: [null, 3] }, []);
  const sequential = { class_name: 'Sequential', config: { name: 'seq', layers: [dense] } };
  expect(kerasGraph(sequential).map(({ name, inputs }) => [name, inputs ?? []])).toEqual([
    ['seq/input', []],
    ['seq/a', ['seq/input']],
  ]);
  const args = [{ class_name: '__keras_tensor__', config: { keras_history: ['x', 0, 0] } }];
  const layers = [
    layer('InputLayer', 'x', {}, []),
    { ...layer('Dense', 'y', {}, []), inbound_nodes: [{ args, kwargs: {} }] },
  ];
  const functional = { config: { layers, input_layers: [['x', 0, 0]], output_layers: ['y', 0, 0] } };
  expect(kerasGraph(functional)[1]).toMatchObject({ name: 'model/y', inputs: ['model/x'] });
});
