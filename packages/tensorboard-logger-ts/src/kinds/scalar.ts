/**
 * Scalars: a float32 per step, by default in the `simple_value` field, which all readers know (TensorBoard's
 * `EventAccumulator` among them does not take scalars out of tensors). The one kind that is written often, so it has a path that only
 * fills in bytes.
 */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, encodeValue, type Payload, type RawValue, tensorBody } from '../event.ts';
import { decodeTensor, floatTensor } from '../tensor.ts';
import { bytesField, floatField, writeVarint } from '../wire.ts';

export const SCALARS = 'scalars';

/** `'simple'`: the `simple_value` field, which every reader knows. `'tensor'`: as TensorFlow 2 writes scalars. */
export type ScalarFormat = 'simple' | 'tensor';

export function scalarPayload(value: number, format: ScalarFormat): Payload {
  return { metadata: { plugin: SCALARS, dataClass: DATA_CLASS.scalar }, body: scalarBody(value, format) };
}

// The float comes last in both forms.
function scalarBody(value: number, format: ScalarFormat): Buffer {
  return format === 'simple' ? floatField(2, value) : tensorBody(floatTensor([value], []));
}

/** NaN and infinities are allowed: a diverging loss must be visible. */
export function checkScalar(value: number): void {
  if (typeof value !== 'number') {
    throw new TensorBoardWriterError('invalid-value', `Expected a number as the scalar, got ${show(value)}.`);
  }
}

/** The bytes of a tag's later events between the step and the float, which come last. Made once per tag. */
export function scalarTemplate(tag: string, format: ScalarFormat): Buffer {
  const summary = bytesField(5, bytesField(1, encodeValue(tag, scalarBody(0, format))));
  return summary.subarray(0, summary.length - 4);
}

/** Room that `writeScalarEvent` needs beside the template: the wall time, the step and the float. */
export const SCALAR_ROOM = 9 + 9 + 4;

/** Writes an event at `offset` and returns the offset behind it. */
export function writeScalarEvent(
  out: Buffer,
  offset: number,
  template: Buffer,
  wallTime: number,
  step: number,
  value: number,
): number {
  out[offset] = 0x09;
  let at = out.writeDoubleLE(wallTime, offset + 1);
  if (step !== 0) {
    out[at] = 0x10;
    at = writeVarint(out, at + 1, step);
  }
  out.set(template, at);
  return out.writeFloatLE(value, at + template.length);
}

export function decodeScalar(value: RawValue): { scalar?: number } {
  const scalar = value.simpleValue ?? (value.tensor && decodeTensor(value.tensor).numbers[0]);
  return scalar === undefined ? {} : { scalar };
}
