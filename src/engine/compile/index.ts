/** The public door of compiled steps: recording, the graph, and the emitter of the engine that runs. */

export type { RecordedStep } from './compare.ts';
export { emitterHere } from './emitter-here.ts';
export { type CompiledForward, compileForward } from './forward.ts';
export { type GraphResult, graphOf, obstacleIn, obstacleText } from './from-tape.ts';
export type { Graph } from './graph.ts';
export { numberKey, TunedNumbers } from './numbers.ts';
export { type EmitOptions, type Emitter, NonFiniteStep, type Place, type Program, type StepValues } from './program.ts';
export { Recorder, refOf } from './recorder.ts';
export { simplify } from './simplify.ts';
export type { FedNumber, KernelCall, Obstacle, RepeatedWork, Tape, TensorRef } from './tape.ts';
