/**
 * What a step tells whoever records it, beyond the kernels that it calls: numbers that change from step to step, random
 * seeds, work for the host, and operations that stand for several kernels. Without a recording all of this just runs.
 */
import type * as tf from './tf.ts';

/** Numbers that are computed anew at each step, such as the coefficients of an optimizer's update. */
export interface NumberSource {
  /** The values of the coming step, by name. */
  values(): Readonly<Record<string, number>>;
}

/** Work that is done on the host with the tensors of each batch, before the step. */
export type HostWork = (tensors: readonly tf.Tensor[], batchIdx: number) => void;

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, tf.Tensor>>;

/** A recording that is under way. */
export interface Recording {
  /** Says that a scalar is not a constant: it is `source.values()[name]` of each step. */
  number(tensor: tf.Tensor, source: NumberSource, name: string): void;
  /** Says that a tensor was made before the step, and where each later step gets its own. */
  input(tensor: tf.Tensor, read: () => tf.Tensor): void;
  /** Runs work that is repeated before each step, and does not record it. */
  onHost(tensors: readonly tf.Tensor[], work: () => void, again: HostWork): void;
  /** Runs `body` and records it as one operation from `inputs` to what it returns. */
  operation<T extends readonly tf.Tensor[]>(name: string, inputs: NamedTensors, attrs: object, body: () => T): T;
}

let running: Recording | undefined;

/** The recording that is under way, if any. */
export function currentRecording(): Recording | undefined {
  return running;
}

/** Runs `body` while `recording` takes note. Synchronous, so that nothing else is taken for a part of the step. */
export function whileRecording<T>(recording: Recording | undefined, body: () => T): T {
  const outer = running;
  running = recording;
  try {
    return body();
  } finally {
    running = outer;
  }
}

/**
 * Runs work that reads tensors of the batch, such as a check of its labels. A compiled step repeats it for every batch.
 *
 * @param tensors tensors of the batch, nothing computed from them
 */
export function onHost(tensors: readonly tf.Tensor[], batchIdx: number, work: HostWork): void {
  const run = (): void => work(tensors, batchIdx);
  if (running === undefined) run();
  else running.onHost(tensors, run, work);
}

/**
 * A tensor that was made for this batch before its step, such as logits that a teacher has prepared. A compiled step asks
 * for it anew each time.
 *
 * @param read gives the tensor of the running batch; one that it makes goes with the step's tidy
 */
export function stepInput<T extends tf.Tensor>(read: () => T): T {
  const tensor = read();
  running?.input(tensor, read);
  return tensor;
}

/** Runs `body`, which a recording takes for one operation. `attrs` are plain data. */
export function asOperation<T extends readonly tf.Tensor[]>(
  name: string,
  inputs: NamedTensors,
  attrs: object,
  body: () => T,
): T {
  return running === undefined ? body() : running.operation(name, inputs, attrs, body);
}
