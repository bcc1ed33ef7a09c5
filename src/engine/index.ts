/** Engines: the public names of this folder, which are also the subpath `kelvin/engine`. */
export { describeEngines } from './describe.ts';
export { readsAreCheap } from './info.ts';
export { installNative, type NativeInstall, type NativeInstallOptions } from './native/install.ts';
export { type NativeStatus, nativeStatus, removeNative } from './native/installed.ts';
export type { NativeManifest } from './native/layout.ts';
export { currentEngine, type StartEngineOptions, startEngine } from './start.ts';
export type { EngineInfo, EngineName, EngineReport } from './types.ts';
