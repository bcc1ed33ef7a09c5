/** The TensorFlow graph of a step, read back: what a session would be given, without TensorFlow. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { mlp, startEngine, tf } from 'kelvin';
import { AdamW, type Optimizer, RMSprop, SGD } from 'kelvin/optim';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Graph, GraphBuilder } from '../../../src/engine/compile/graph.ts';
import { simplify } from '../../../src/engine/compile/simplify.ts';
import { emit, type Layout } from '../../../src/engine/compile/tensorflow/emit.ts';
import { savedModel } from '../../../src/engine/compile/tensorflow/graph-def.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { type Batch, classify, recordedGraph, step } from './support.ts';

assertFileLeaksNothing();
beforeAll(async () => void (await startEngine({ engine: 'wasm' })));

interface ReadNode {
  name: string;
  op: string;
  inputs: string[];
  attrs: string[];
}

/** Each field of a message, by its number. */
function fields(bytes: Uint8Array): { field: number; bytes: Uint8Array | undefined }[] {
  const reader = new BinaryReader(bytes);
  const found = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.LengthDelimited) found.push({ field, bytes: reader.bytes() });
    else {
      reader.skip(type, field);
      found.push({ field, bytes: undefined });
    }
  }
  return found;
}

const within = (bytes: Uint8Array, field: number): Uint8Array[] =>
  fields(bytes).flatMap((one) => (one.field === field && one.bytes !== undefined ? [one.bytes] : []));
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** SavedModel > MetaGraphDef (2) > GraphDef (2) > NodeDef (1) > name (1), op (2), inputs (3), attributes (5). */
function nodesOf(model: Uint8Array): ReadNode[] {
  const [meta] = within(model, 2);
  const [graph] = within(meta as Uint8Array, 2);
  return within(graph as Uint8Array, 1).map((node) => ({
    name: text(within(node, 1)[0]),
    op: text(within(node, 2)[0]),
    inputs: within(node, 3).map(text),
    attrs: within(node, 5).map((entry) => text(within(entry, 1)[0])),
  }));
}

function layoutOf(
  optimizerOf: (params: tf.Variable[]) => Optimizer,
  change: (graph: Graph) => Graph = (graph) => graph,
): Layout {
  const net = mlp({ inputs: 4, hidden: [5], classes: 3 });
  const params = net.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
  const trained = { net, optimizer: optimizerOf(params) };
  const batch: Batch = { x: tf.ones([6, 4]), y: tf.zeros([6], 'int32') };
  step(trained, batch, classify).dispose();
  const graph = change(simplify(recordedGraph(trained, [batch, batch], classify)));
  const result = emit({ graph, places: new Map(), draws: 0, finite: ['output 0'] });
  tf.dispose([batch.x, batch.y]);
  trained.optimizer.dispose();
  net.dispose();
  if ('obstacle' in result) throw new Error(result.obstacle.what);
  return result.layout;
}

describe('a written graph', () => {
  const OPTIMIZERS = {
    SGD: (params: tf.Variable[]) => new SGD(params, { momentum: 0.9, weightDecay: 0.1 }),
    AdamW: (params: tf.Variable[]) => new AdamW(params),
    RMSprop: (params: tf.Variable[]) => new RMSprop(params),
  };
  test.each(Object.entries(OPTIMIZERS))('%s: every name is there once, and before it is used', (_, make) => {
    const { model, inputs, fetches, states, numbers } = layoutOf(make);
    const known = new Set<string>();
    for (const { name, inputs: used } of nodesOf(model)) {
      for (const input of used) expect(known, `${name} needs ${input}`).toContain(input.replace(/^\^|:\d+$/g, ''));
      expect(known).not.toContain(name);
      known.add(name);
    }
    const named = [...inputs.map(({ feed }) => feed), ...fetches, ...states.flatMap(({ feed, set }) => [feed, set])];
    for (const name of named) expect(known).toContain(name.replace(/:\d+$/, ''));
    expect(numbers.length).toBeGreaterThan(0);
    expect(states.length).toBeGreaterThanOrEqual(8);
  });

  test("TensorFlow's own updates write weights in place, once the loss is known to be finite", () => {
    const nodes = nodesOf(layoutOf(OPTIMIZERS.AdamW).model);
    const updates = nodes.filter(({ op }) => op === 'ResourceApplyAdam');
    expect(updates).toHaveLength(4);
    const ready = nodes.find(({ op }) => op === 'NoOp') as ReadNode;
    const check = nodes.find(({ op }) => op === 'CheckNumerics') as ReadNode;
    expect(ready.inputs).toContain(`^${check.name}`);
    for (const { inputs } of nodes.filter(({ op }) => op === 'AssignSubVariableOp'))
      expect(inputs).toContain(`^${ready.name}`);
    for (const { inputs } of updates) expect(inputs).toContain(`^${ready.name}`);
  });

  test('the bytes of a small model', () => {
    const model = savedModel([
      {
        name: 'c',
        op: 'Const',
        inputs: [],
        attrs: { dtype: { type: 'float32' }, value: { tensor: { dtype: 'float32', shape: [2, 3], values: [0.5] } } },
      },
      { name: 'i', op: 'Identity', inputs: ['c', '^c'], attrs: { T: { type: 'float32' } } },
    ]);
    // As `python -c "from tensorflow.core.protobuf import saved_model_pb2"` writes it with the fields in this order.
    expect(Buffer.from(model).toString('hex')).toMatchInlineSnapshot(
      `"080112660a0722057365727665125b0a350a01631205436f6e73742a0b0a056474797065120230012a1c0a0576616c7565121342110801120812020802120208032d0000003f0a1d0a016912084964656e746974791a01631a025e632a070a015412023001220308860a"`,
    );
  });

  test('names the kernel that it has no counterpart for', () => {
    const odd = (graph: Graph): Graph => {
      const build = new GraphBuilder();
      const x = build.one('Input', {}, { name: 'x' }, { shape: [2], dtype: 'float32' });
      const y = build.one('Bincount', { x }, {}, { shape: [2], dtype: 'float32' });
      return { ...graph, nodes: build.nodes, outputs: new Map([['output 0', y]]), updates: new Map() };
    };
    expect(() => layoutOf(OPTIMIZERS.SGD, odd)).toThrow('TensorFlow has no counterpart of the kernel Bincount');
  });
});
