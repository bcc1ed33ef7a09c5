/**
 * Where native engines lie in the user's cache: one folder per engine, whole or absent, with a manifest that says what
 * is in it.
 *
 *     tensorflow/manifest.json
 *     tensorflow/tensorflow/     the libraries, the addon that was built against them, and that for small steps
 *     tensorflow/nvidia/         CUDA's libraries, where the GPU's wheel looks for them
 *     tensorflow/tfjs-node/      tfjs-node's JavaScript
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '../../core/cache.ts';
import type { TensorFlowEngine } from '../tensorflow.ts';

/** Changes when folders that were laid out by an earlier Kelvin can no longer be read. */
const LAYOUT = 1;

/** What an installed engine is. */
export interface NativeManifest {
  readonly layout: number;
  readonly engine: TensorFlowEngine;
  /** Version of tfjs-node, which has to be that of tfjs-core. */
  readonly tfjs: string;
  readonly tensorflow: string;
  /** The wheels' file names and sha256. */
  readonly wheels: Readonly<Record<string, string>>;
  readonly compiler: string;
  /** `linux-x64` */
  readonly platform: string;
}

/** The folder of all native engines: `KELVIN_NATIVE_DIR`, else one in the user's cache. */
export function nativeRoot(): string {
  return process.env.KELVIN_NATIVE_DIR || join(cacheDirectory(), 'native');
}

/** The folder of one engine. */
export const engineFolder = (engine: TensorFlowEngine, root: string = nativeRoot()): string => join(root, engine);

/** The addon in an engine's folder. */
export const addonOf = (folder: string): string => join(folder, 'tensorflow', 'tfjs_binding.node');

/** The addon that runs small steps. */
export const stepsAddonOf = (folder: string): string => join(folder, 'tensorflow', 'kelvin_steps.node');

/** `linux-x64`: what an addon was built for. */
export const PLATFORM = `${process.platform}-${process.arch}`;

/** The manifest that this Kelvin writes. */
export const manifestOf = (facts: Omit<NativeManifest, 'layout' | 'platform'>): NativeManifest => ({
  layout: LAYOUT,
  platform: PLATFORM,
  ...facts,
});

/** What is installed in a folder: undefined for nothing; a reason in words where it cannot be used. */
export function installedIn(folder: string, tfjs: string): NativeManifest | string | undefined {
  if (!existsSync(folder)) return undefined;
  let manifest: Partial<NativeManifest>;
  try {
    manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Partial<NativeManifest>;
  } catch {
    return `${folder} holds no readable manifest`;
  }
  if (manifest.layout !== LAYOUT) return `${folder} was laid out by another version of Kelvin`;
  if (manifest.tfjs !== tfjs) return `${folder} holds tfjs-node ${manifest.tfjs}, and this is tfjs ${tfjs}`;
  if (manifest.platform !== PLATFORM) return `${folder} was built for ${manifest.platform}, and this is ${PLATFORM}`;
  if (!existsSync(addonOf(folder))) return `${folder} lacks its addon`;
  return manifest as NativeManifest;
}

const STAGING = /^\.(?:staging|old)-(\d+)-/;

/** A name beside the engines' folders that no other process uses. */
export const besides = (root: string, what: 'staging' | 'old'): string =>
  join(root, `.${what}-${process.pid}-${Date.now().toString(36)}`);

/** Puts a finished folder in its place. An engine that was there keeps running where it is loaded. */
export function moveInto(staging: string, folder: string, root: string): void {
  const old = besides(root, 'old');
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(staging, folder);
  rmSync(old, { recursive: true, force: true });
}

/** Removes what installs that were killed have left. */
export function sweep(root: string): void {
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) {
    const pid = STAGING.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
