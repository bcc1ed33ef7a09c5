/** A forward pass as one call of the engine, its weights constants: what a network is once it is put to use. */
import * as tf from '../../core/tf.ts';
import type { RecordedStep } from './compare.ts';
import { emitterHere } from './emitter-here.ts';
import { graphOf, obstacleIn } from './from-tape.ts';
import type { Graph } from './graph.ts';

import { Recorder, refOf } from './recorder.ts';
import { simplify } from './simplify.ts';

/** A forward pass for inputs of one shape. */
export interface CompiledForward {
  /** The output, a new tensor. */
  run(x: tf.Tensor): tf.Tensor;
  /** Frees the program; the weights are those of the network and stay. */
  dispose(): void;
}

/** Weights that a graph may hold; files of TensorFlow's graphs end at 2 GB. */
const MOST_BYTES = 2 ** 28;

/**
 * Compiles what `forward` makes of tensors like `x`. Weights that change afterwards are not seen by it.
 *
 * @returns undefined where the engine compiles nothing, or where it cannot compile this
 */
export function compileForward(forward: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): CompiledForward | undefined {
  const emitter = emitterHere();
  if (emitter === undefined) return undefined;
  const result = graphOf(record(forward, x), record(forward, x), readValues);
  if (!('graph' in result)) return undefined;
  const graph = simplify(result.graph);
  if (obstacleIn(graph) !== undefined || bytesOf(graph) > MOST_BYTES) return undefined;
  const emitted = emitter.emit({ graph, places: new Map(), draws: 0, finite: [] });
  if ('obstacle' in emitted) return undefined;
  const { program } = emitted;
  return {
    run: (input) => {
      const values = { inputs: new Map([['x', input]]), number: () => 0, seeds: new Int32Array(0) };
      return program.run(values).get('output') as tf.Tensor;
    },
    dispose: () => program.dispose(),
  };
}

function record(forward: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): RecordedStep {
  const recorder = new Recorder();
  recorder.attach();
  try {
    const output = tf.tidy(() => {
      const made = recorder.within(() => forward(x));
      if (recorder.draws > 0) recorder.refuse('it draws random numbers', undefined);
      return made;
    });
    const tape = recorder.tape();
    if (tape.given.size + tape.work.length + tape.numbers.size > 0)
      recorder.refuse('it is prepared on the host', undefined);
    output.dispose();
    const none = new Map();
    const outputs = new Map([['output', refOf(output)]]);
    return { tape: recorder.tape(), inputs: new Map([['x', refOf(x)]]), states: none, updated: none, outputs };
  } finally {
    recorder.detach();
  }
}

const readValues = ({ dataId }: { readonly dataId: object }): ArrayBufferView =>
  tf.backend().readSync(dataId as tf.DataId) as ArrayBufferView & tf.backend_util.TypedArray;

function bytesOf({ nodes }: Graph): number {
  return nodes.reduce((sum, { attrs }) => sum + ((attrs.values as ArrayBufferView | undefined)?.byteLength ?? 0), 0);
}
