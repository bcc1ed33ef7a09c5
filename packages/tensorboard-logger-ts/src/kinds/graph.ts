/** Graphs: a GraphDef of the run, which the Graphs tab draws. Names with slashes make nested boxes. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { bytesField, floatField, message, stringField, varintField, WireReader } from '../wire.ts';

/** -1 as protobuf stores it: a dimension that is not known. */
const UNKNOWN = Buffer.from([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);

/** A node of a graph. */
export interface GraphNode {
  /** Unique; slashes nest: `encoder/dense_1`. */
  readonly name: string;
  /** The kind of operation: `Dense`. */
  readonly op: string;
  /** Names of the nodes whose output it takes. */
  readonly inputs?: readonly string[] | undefined;
  /** Shown beside the node. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Written along the edge to the next node; null for a size that is not known, as the batch size. */
  readonly outputShape?: readonly (number | null)[] | undefined;
}

/** @throws TensorBoardWriterError `invalid-value` for a name that is missing or double, or an input that is no node. */
export function encodeGraph(nodes: readonly GraphNode[]): Buffer {
  const names = new Set<string>();
  for (const { name } of nodes) {
    if (typeof name !== 'string' || name === '' || names.has(name)) {
      throw new TensorBoardWriterError('invalid-value', `Expected a name of its own for each node, got ${show(name)}.`);
    }
    names.add(name);
  }
  for (const { name, inputs = [] } of nodes) {
    for (const input of inputs) {
      if (names.has(input)) continue;
      throw new TensorBoardWriterError(
        'invalid-value',
        `The node "${name}" takes from ${show(input)}, which is no node.`,
      );
    }
  }
  return message(...nodes.map((node) => bytesField(1, encodeNode(node))));
}

function encodeNode({ name, op, inputs = [], attributes = {}, outputShape }: GraphNode): Buffer {
  const given = Object.entries(attributes).map(([key, value]): [string, Buffer] => [key, encodeAttribute(value)]);
  const shape: [string, Buffer][] = outputShape === undefined ? [] : [['_output_shapes', encodeShapes(outputShape)]];
  const entries = [...given, ...shape].sort(([a], [b]) => (a < b ? -1 : 1));
  return message(
    stringField(1, name),
    stringField(2, op),
    ...inputs.map((input) => stringField(3, input)),
    ...entries.map(([key, value]) => bytesField(5, message(stringField(1, key), bytesField(2, value)))),
  );
}

function encodeAttribute(value: string | number | boolean): Buffer {
  if (typeof value === 'string') return stringField(2, value);
  if (typeof value === 'boolean') return varintField(5, value ? 1 : 0);
  return Number.isSafeInteger(value) && value >= 0 ? varintField(3, value) : floatField(4, value);
}

function encodeShapes(shape: readonly (number | null)[]): Buffer {
  const dims = shape.map((size) => bytesField(2, size === null ? UNKNOWN : varintField(1, size)));
  return bytesField(1, bytesField(7, message(...dims)));
}

/** Names, kinds and edges; of the attributes those that are text, numbers or booleans. */
export function decodeGraph(bytes: Uint8Array): GraphNode[] {
  const nodes: GraphNode[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 1) nodes.push(decodeNode(reader.bytes()));
  return nodes;
}

function decodeNode(bytes: Uint8Array): GraphNode {
  const node = { name: '', op: '', inputs: [] as string[] };
  const attributes: [string, string | number | boolean][] = [];
  let outputShape: (number | null)[] | undefined;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) node.name = reader.string();
    else if (reader.field === 2) node.op = reader.string();
    else if (reader.field === 3) node.inputs.push(reader.string());
    else if (reader.field === 5) {
      const { key, value, shape } = decodeEntry(reader.bytes());
      if (key === '_output_shapes') outputShape = shape;
      else if (value !== undefined) attributes.push([key, value]);
    }
  }
  return { ...node, attributes: Object.fromEntries(attributes), ...(outputShape && { outputShape }) };
}

interface Attribute {
  key: string;
  value?: string | number | boolean;
  shape?: (number | null)[];
}

function decodeEntry(bytes: Uint8Array): Attribute {
  const entry: Attribute = { key: '' };
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) entry.key = reader.string();
    else if (reader.field === 2) decodeAttribute(new WireReader(reader.bytes()), entry);
  }
  return entry;
}

function decodeAttribute(reader: WireReader, entry: Attribute): void {
  while (reader.next()) {
    if (reader.field === 1) entry.shape = decodeFirstShape(new WireReader(reader.bytes()));
    else if (reader.field === 2) entry.value = reader.string();
    else if (reader.field === 3) entry.value = reader.varint();
    else if (reader.field === 4) entry.value = reader.float();
    else if (reader.field === 5) entry.value = reader.varint() !== 0;
  }
}

function decodeFirstShape(list: WireReader): (number | null)[] {
  const sizes: (number | null)[] = [];
  while (list.next()) {
    if (list.field !== 7) continue;
    const shape = new WireReader(list.bytes());
    while (shape.next()) {
      if (shape.field !== 2) continue;
      const dim = new WireReader(shape.bytes());
      let size = 0;
      while (dim.next()) if (dim.field === 1) size = dim.varint();
      sizes.push(size < 0 ? null : size);
    }
  }
  return sizes;
}
