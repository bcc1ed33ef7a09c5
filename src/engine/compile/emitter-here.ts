/** Which emitter there is for the engine that runs. */
import type { Emitter } from './program.ts';
import { nodeBackend } from './tensorflow/backend.ts';
import { tensorFlowEmitter } from './tensorflow/program.ts';

/** An emitter for the engine that runs; `undefined` where there is none. */
export function emitterHere(): Emitter | undefined {
  const backend = nodeBackend();
  return backend === undefined ? undefined : tensorFlowEmitter(backend);
}
