/**
 * Looks at every engine that Kelvin knows, for `kelvin devices`: what could run here, what does, and why the
 * others do not.
 */
import { inTurn, keepingBackend, loadEngine } from './backends.ts';
import { wasmDetail, wasmMissing } from './info.ts';
import { currentEngine } from './start.ts';
import { ENGINE_NAMES, type EngineInfo, type EngineName, type EngineReport } from './types.ts';
import { onSoftware, webGPUDetail } from './webgpu/load.ts';

/**
 * Reports on every engine, best first. Loads those that can be loaded, to be sure, but starts none and leaves the
 * current one in place.
 *
 * @example
 * ```ts
 * for (const engine of await describeEngines()) console.log(engine.name, engine.detail, engine.reason);
 * ```
 */
export function describeEngines(): Promise<EngineReport[]> {
  return inTurn(async () => {
    const reports: EngineReport[] = [];
    for (const name of ENGINE_NAMES) reports.push(await describeEngine(name, currentEngine()));
    return reports;
  });
}

async function describeEngine(name: EngineName, running: EngineInfo | undefined): Promise<EngineReport> {
  const used = running?.name === name;
  const result = await keepingBackend(() => loadEngine(name));
  if (!result.loaded)
    return { name, available: false, used, detail: '', missing: [], reason: result.reason, remedy: result.remedy };
  const { version } = result;
  const detail = used ? running.detail : DETAILS[name]();
  const missing = name === 'wasm' ? wasmMissing() : [];
  const report = { name, available: true, used, version, detail, missing };
  return used ? report : { ...report, reason: whyNotUsed(name, running) };
}

const DETAILS: Readonly<Record<EngineName, () => string>> = {
  'tensorflow-gpu': () => 'native TensorFlow',
  tensorflow: () => 'native TensorFlow',
  wasm: wasmDetail,
  webgpu: webGPUDetail,
  cpu: () => 'pure JavaScript',
};

function whyNotUsed(name: EngineName, running: EngineInfo | undefined): string {
  if (name === 'webgpu')
    return onSoftware()
      ? 'for tests: its adapter computes on the CPU, so it runs only when asked for'
      : "runs only when asked for, with engine 'webgpu', until it has been measured";
  if (!running) return 'no engine has been started yet';
  if (name === 'cpu') return 'for debugging: runs only when asked for';
  return `${running.name} is running`;
}
