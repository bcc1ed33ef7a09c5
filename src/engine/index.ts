/** Engines: the public names of this folder, which are also the subpath `kelvin/engine`. */
export { describeEngines } from './describe.ts';
export { readsAreCheap } from './info.ts';
export { currentEngine, type StartEngineOptions, startEngine } from './start.ts';
export type { EngineInfo, EngineName, EngineReport } from './types.ts';
