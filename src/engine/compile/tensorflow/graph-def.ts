/**
 * Writes TensorFlow's GraphDef and SavedModel, as far as a compiled step needs them. Field numbers are those of
 * tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto and protobuf/saved_model.proto.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DType } from '../tape.ts';

/** TensorFlow's numbers for dtypes. */
export const TYPE_NUMBERS = { float32: 1, int32: 3, bool: 10, int64: 9 } as const;

/** An attribute of a node. */
export type AttrValue =
  | { readonly type: keyof typeof TYPE_NUMBERS }
  | { readonly types: readonly (keyof typeof TYPE_NUMBERS)[] }
  | { readonly b: boolean }
  | { readonly i: number }
  | { readonly f: number }
  | { readonly s: string }
  | { readonly ints: readonly number[] }
  | { readonly shape: readonly number[] }
  | { readonly tensor: TensorValue };

/** A constant. With one value for many elements TensorFlow repeats it. */
export interface TensorValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** A node by its name, with inputs such as `name:1` or `^name`. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attrs: Readonly<Record<string, AttrValue>>;
}

/** The producer version of TensorFlow 2.12: what later versions still read, and 2.9 does too. */
const PRODUCER = 1286;

/** A SavedModel with one graph, tagged `serve`. */
export function savedModel(nodes: readonly NodeDef[]): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(1);
  message(writer, 2, (meta) => {
    message(meta, 1, (info) => info.tag(4, WireType.LengthDelimited).string('serve'));
    message(meta, 2, (graph) => {
      for (const node of nodes) message(graph, 1, (at) => writeNode(at, node));
      message(graph, 4, (versions) => versions.tag(1, WireType.Varint).int32(PRODUCER));
    });
  });
  return writer.finish();
}

function message(writer: BinaryWriter, field: number, body: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  body(writer);
  writer.join();
}

function writeNode(writer: BinaryWriter, { name, op, inputs, attrs }: NodeDef): void {
  writer.tag(1, WireType.LengthDelimited).string(name);
  writer.tag(2, WireType.LengthDelimited).string(op);
  for (const input of inputs) writer.tag(3, WireType.LengthDelimited).string(input);
  for (const [key, value] of Object.entries(attrs)) {
    message(writer, 5, (entry) => {
      entry.tag(1, WireType.LengthDelimited).string(key);
      message(entry, 2, (at) => writeAttr(at, value));
    });
  }
}

function writeAttr(writer: BinaryWriter, value: AttrValue): void {
  if ('type' in value) writer.tag(6, WireType.Varint).int32(TYPE_NUMBERS[value.type]);
  else if ('b' in value) writer.tag(5, WireType.Varint).bool(value.b);
  else if ('i' in value) writer.tag(3, WireType.Varint).int64(value.i);
  else if ('f' in value) writer.tag(4, WireType.Bit32).float(value.f);
  else if ('s' in value) writer.tag(2, WireType.LengthDelimited).string(value.s);
  else if ('shape' in value) message(writer, 7, (at) => writeShape(at, value.shape));
  else if ('tensor' in value) message(writer, 8, (at) => writeTensor(at, value.tensor));
  else if ('ints' in value)
    message(writer, 1, (list) => {
      for (const one of value.ints) list.tag(3, WireType.Varint).int64(one);
    });
  else
    message(writer, 1, (list) => {
      for (const one of value.types) list.tag(6, WireType.Varint).int32(TYPE_NUMBERS[one]);
    });
}

function writeShape(writer: BinaryWriter, shape: readonly number[]): void {
  for (const size of shape) message(writer, 2, (dimension) => dimension.tag(1, WireType.Varint).int64(size));
}

function writeTensor(writer: BinaryWriter, { dtype, shape, values }: TensorValue): void {
  writer.tag(1, WireType.Varint).int32(TYPE_NUMBERS[dtype]);
  message(writer, 2, (at) => writeShape(at, shape));
  if (values.length === 0) return;
  const bytes = bytesOf(dtype, values);
  if (values.length > 1 || shape.length === 0 || shape.every((size) => size === 1))
    writer.tag(4, WireType.LengthDelimited).bytes(bytes);
  else if (dtype === 'float32') writer.tag(5, WireType.Bit32).float(values[0] as number);
  else if (dtype === 'int32') writer.tag(7, WireType.Varint).int32(values[0] as number);
  else writer.tag(11, WireType.Varint).bool(values[0] !== 0);
}

function bytesOf(dtype: DType, values: ArrayLike<number>): Uint8Array {
  switch (dtype) {
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'int32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'bool':
      return Uint8Array.from(values);
    default:
      return dtype satisfies never;
  }
}
