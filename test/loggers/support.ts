/** Directories for log files that are gone after the test, and the warnings of a process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A fresh directory for one test. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kelvin-logs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The texts of the warnings that `body` causes. */
export async function warningsOf(body: () => void | Promise<void>): Promise<string[]> {
  const texts: string[] = [];
  const listen = (warning: Error): void => void texts.push(warning.message);
  process.on('warning', listen);
  try {
    await body();
    await new Promise((resolve) => setImmediate(resolve)); // warnings are emitted in the next tick
  } finally {
    process.off('warning', listen);
  }
  return texts;
}
