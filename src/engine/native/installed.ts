/** What is installed in the user's cache, and how it is taken away again. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '../../core/tf.ts';
import type { TensorFlowEngine } from '../tensorflow.ts';
import { engineFolder, installedIn, type NativeManifest, nativeRoot, sweep } from './layout.ts';

/** One engine in the cache. */
export interface NativeStatus {
  readonly engine: TensorFlowEngine;
  readonly folder: string;
  /** undefined when the folder is there and cannot be used. */
  readonly manifest: NativeManifest | undefined;
  /** Why it cannot be used. */
  readonly reason: string | undefined;
  /** Size of the folder in bytes. */
  readonly bytes: number;
}

const ENGINES = ['tensorflow', 'tensorflow-gpu'] as const;

/** The engines that {@link installNative} has put into the cache. */
export function nativeStatus(): NativeStatus[] {
  const found: NativeStatus[] = [];
  for (const engine of ENGINES) {
    const folder = engineFolder(engine);
    const installed = installedIn(folder, tf.version_core);
    if (installed === undefined) continue;
    const broken = typeof installed === 'string';
    const [manifest, reason] = broken ? [undefined, installed] : [installed, undefined];
    found.push({ engine, folder, manifest, reason, bytes: sizeOf(folder) });
  }
  return found;
}

/** Removes the engines of the cache, and what installs that were killed have left. Returns what was there. */
export function removeNative(): NativeStatus[] {
  const found = nativeStatus();
  for (const { folder } of found) rmSync(folder, { recursive: true, force: true });
  sweep(nativeRoot());
  return found;
}

function sizeOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, { size }) => sum + size, 0);
}
