/**
 * Loads the WebGPU engine: two optional npm packages, and an adapter to run on. Whatever is missing is a reason to go on
 * without, remembered and reported, never a crash.
 */
import { messageOf } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import type { LoadResult } from '../types.ts';
import { type AdapterInfo, BACKEND, DAWN, type GPU, importPackages, type Packages, versionOfDawn } from './packages.ts';
import { learning } from './sync-reads.ts';

/** The name that tfjs knows the backend by. */
const NAME = 'webgpu';

/** That of tfjs's own, among the other backends. */
const PRIORITY = 3;

/** Of several adapters the faster. */
const WISH = { powerPreference: 'high-performance' };

interface Found {
  readonly packages: Packages;
  readonly gpu: GPU;
  readonly info: AdapterInfo;
}

let remembered: Promise<LoadResult> | undefined;
let found: Found | undefined;

/**
 * Imports the packages and looks for an adapter, once: later calls get the remembered answer. Opens no device.
 *
 * @param load imports both packages in Kelvin's place, as when only the caller can resolve them
 */
export async function loadWebGPU(load?: () => Promise<unknown>): Promise<LoadResult> {
  const known = await remembered;
  if (known && (known.loaded || !load)) return known;
  const result = look(load ?? importPackages);
  if (!load || (await result).loaded) remembered = result;
  return result;
}

/** What the engine runs on, in words. */
export function webGPUDetail(): string {
  if (!found) return "the program's own device";
  const { description, device, architecture, vendor } = found.info;
  const name = [description, device, architecture, vendor].find(Boolean) ?? 'an adapter without a name';
  return onSoftware() ? `${name}, in software` : name;
}

/** Whether the adapter computes on the CPU, as such drivers do that are made for tests. */
export function onSoftware(): boolean {
  return found?.info.isFallbackAdapter === true;
}

/** Registers the backend with tfjs; it opens the device when it is set. Not before, since tfjs starts what is registered. */
export function offerWebGPU(): void {
  if (!found || isRegistered()) return;
  const { packages, gpu } = found;
  tf.registerBackend(NAME, () => open(packages, gpu), PRIORITY);
}

const isRegistered = (): boolean => tf.engine().backendNames().includes(NAME);

async function look(load: () => Promise<unknown>): Promise<LoadResult> {
  const before = isRegistered();
  let packages: Packages;
  try {
    packages = (await load()) as Packages;
    // Where WebGPU is there already tfjs's package registers itself, but an import is no choice of an engine.
    if (!before && isRegistered()) tf.removeBackend(NAME);
  } catch (cause) {
    return whyNotImported(cause);
  }
  if (!(packages.WebGPUBackend?.prototype instanceof tf.KernelBackend)) {
    const remedy = `install version ${tf.version_core} of every @tensorflow package, then npm dedupe`;
    const reason = `${BACKEND} brought a second copy of tfjs-core, and its engine is not the one that Kelvin uses`;
    return { loaded: false, reason, remedy, cause: undefined };
  }
  try {
    const gpu = entryPoint(packages);
    const adapter = await gpu.requestAdapter(WISH);
    if (adapter === null) return noAdapter();
    found = { packages, gpu, info: adapter.info };
    return { loaded: true, version: versionOfDawn() };
  } catch (cause) {
    return noAdapter(cause);
  }
}

interface WithGPU {
  navigator?: { gpu?: GPU };
}

/** WebGPU as it is here already, else Dawn's. */
const entryPoint = ({ create }: Packages): GPU => (globalThis as WithGPU).navigator?.gpu ?? create([]);

/** Puts WebGPU where tfjs looks for it, as in a browser. */
function install({ globals }: Packages, gpu: GPU): void {
  const here = globalThis as WithGPU;
  if (here.navigator?.gpu === gpu) return;
  Object.assign(globalThis, globals);
  if (!here.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(here.navigator, 'gpu', { value: gpu, configurable: true });
}

/** Limits that tfjs's kernels use as far as the adapter goes. */
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
];

async function open(packages: Packages, gpu: GPU): Promise<tf.KernelBackend> {
  install(packages, gpu);
  const adapter = await gpu.requestAdapter(WISH);
  if (adapter === null) throw new Error('the adapter is gone');
  const requiredFeatures = ['timestamp-query'].filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const device = await learning(() => adapter.requestDevice({ requiredFeatures, requiredLimits }));
  return new packages.WebGPUBackend(device, adapter.info);
}

function whyNotImported(cause: unknown): LoadResult {
  const message = messageOf(cause);
  // Vite puts a module of its own in the place of an optional peer that is not there.
  const absent =
    (cause as { code?: unknown } | null)?.code === 'ERR_MODULE_NOT_FOUND' || message.startsWith('Could not resolve');
  const missing = [BACKEND, DAWN].find((name) => absent && (message.match(/['"](.*?)['"]/)?.[1] ?? '') === name);
  if (missing === undefined) {
    const reason = `its packages could not be loaded (${message.split('\n', 1)[0]})`;
    return { loaded: false, reason, remedy: 'mend what the message names, or run without this engine', cause };
  }
  const remedy = `npm install ${DAWN} ${BACKEND}@${tf.version_core}`;
  return { loaded: false, reason: `the npm package ${missing} is not installed`, remedy, cause };
}

function noAdapter(cause?: unknown): LoadResult {
  const said = cause === undefined ? '' : ` (${messageOf(cause).split('\n', 1)[0]})`;
  const remedy =
    process.platform === 'linux'
      ? 'install the Vulkan driver of your GPU and the loader, libvulkan.so.1'
      : 'install the driver of your GPU';
  return { loaded: false, reason: `no adapter: WebGPU finds no GPU here${said}`, remedy, cause };
}
