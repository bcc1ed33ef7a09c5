/** Fresh directories for tests, below the system's own for temporary files. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that nobody else uses. */
export const freshDirectory = (): string => mkdtempSync(join(tmpdir(), 'kelvin-test-'));

/** The file names in a directory, in order. */
export const filesIn = (directory: string): string[] => readdirSync(directory).sort();
