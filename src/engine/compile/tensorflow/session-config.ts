/**
 * How TensorFlow runs a step's graph. Handing a step to another thread and back takes longer than a small network's
 * arithmetic, so a small graph runs in the calling thread, one operation after the other.
 */
import { availableParallelism } from 'node:os';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Graph, sizeOf } from '../graph.ts';
import { SMALL } from '../small/products.ts';

/** The file beside a SavedModel that Kelvin's build of the addon configures its session by; others do not look for it. */
export const CONFIG_FILE = 'session_config.pb';

/** A ConfigProto for the graph; `undefined` where TensorFlow's own way is best. */
export function sessionConfig(graph: Graph): Uint8Array | undefined {
  const small = workOf(graph) < SMALL;
  const alone = process.env.TF_NUM_INTRAOP_THREADS === '1' || availableParallelism() === 1;
  if (!small && !alone) return undefined;
  // Field numbers of tensorflow/core/protobuf/config.proto. A negative number of threads is the calling thread.
  const config = new BinaryWriter().tag(5, WireType.Varint).int32(-1);
  if (small) {
    config.tag(2, WireType.Varint).int32(1); // nor is one operation divided
    config.tag(16, WireType.LengthDelimited).fork();
    config.tag(3, WireType.LengthDelimited).string('SINGLE_THREADED_EXECUTOR');
    config.join();
  }
  return config.finish();
}

/** About how many multiply-accumulates the products and convolutions of a graph take. */
function workOf({ nodes }: Graph): number {
  let work = 0;
  for (const { op, inputs, outputs } of nodes) {
    if (!/MatMul|Conv|Einsum/.test(op)) continue;
    // Of matrices m x k and k x n and their product it is the root of all sizes multiplied; of convolutions it is less.
    const sizes = [...Object.values(inputs), ...outputs].map(sizeOf);
    work += Math.sqrt(sizes.reduce((product, size) => product * size, 1));
  }
  return work;
}
