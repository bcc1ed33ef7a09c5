/** A folder for the native engine of one test, and what stands in for the tools and wheels that an install asks for. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { BackendError } from 'kelvin';
import { installNative } from 'kelvin/engine';
import { expect } from 'vitest';

const NAMES = ['KELVIN_NATIVE_DIR', 'CXX', 'npm_execpath'] as const;
const before = { ...process.env };

/** A new folder, in which `KELVIN_NATIVE_DIR` is from now on. */
export function enterNativeFolder(): { directory: string; root: string } {
  const directory = mkdtempSync(join(tmpdir(), 'kelvin-native-'));
  const root = join(directory, 'native');
  process.env.KELVIN_NATIVE_DIR = root;
  return { directory, root };
}

/** Takes the folder away, and puts the environment back. */
export function leaveNativeFolder(directory: string): void {
  for (const name of NAMES) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  rmSync(directory, { recursive: true, force: true });
}

/** A program of these shell lines. */
export function shellProgram(path: string, lines: readonly string[]): string {
  writeFileSync(path, `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What a RECORD says of these files. */
export function recordOf(files: Readonly<Record<string, string>>): string {
  const sum = (text: string) => createHash('sha256').update(text).digest('base64url');
  return Object.entries(files)
    .map(([name, text]) => `${name},sha256=${sum(text)},${text.length}\n`)
    .join('');
}

/** Writes a wheel of these files. */
export function writeWheel(
  path: string,
  files: Readonly<Record<string, string>>,
  record: string,
  metadata: string,
): void {
  const all = { 'x-1.dist-info/RECORD': record, 'x-1.dist-info/METADATA': metadata, ...files };
  const encoder = new TextEncoder();
  writeFileSync(
    path,
    zipSync(Object.fromEntries(Object.entries(all).map(([name, text]) => [name, encoder.encode(text)]))),
  );
}

/** The error that an install ends with. */
export async function failure(options: Parameters<typeof installNative>[0]): Promise<BackendError> {
  const error = await installNative(options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BackendError);
  return error as BackendError;
}
