/**
 * The directory of a run: `saveDir/name/version`. Its version is settled at the first look, by looking for the next free
 * number, and nothing is made on disk by that: whoever writes first makes the directory.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { JsonObject } from '../core/contracts.ts';
import { wholeNumber } from '../core/options.ts';

/** Where a run's files go. */
export interface RunDirectoryOptions {
  /** The experiment: a directory below `saveDir`. `''` for none. Default `'default'`. */
  name?: string | undefined;
  /** The run: a number for `version_N`, or the directory's name. Default: the next number that is free. */
  version?: number | string | undefined;
}

/** The part of a logger's options that says where its files go. */
export const runDirectorySchema = {
  name: z.string({ error: 'a string' }).default('default'),
  version: z
    .union([wholeNumber(0), z.string().min(1)], { error: 'a whole number of at least 0, or a non-empty string' })
    .optional(),
};

/** The directory of a run. */
export class RunDirectory {
  readonly #saveDir: string;
  readonly #name: string;
  readonly #given: number | string | undefined;
  #version: number | string | undefined;

  constructor(saveDir: string, { name = 'default', version }: RunDirectoryOptions) {
    this.#saveDir = saveDir;
    this.#name = name;
    this.#given = version;
    this.#version = version;
  }

  /** The version, which stays as it is once it has been asked for. */
  get version(): number | string {
    this.#version ??= nextVersion(join(this.#saveDir, this.#name));
    return this.#version;
  }

  /** The path of the directory. */
  get path(): string {
    const { version } = this;
    return join(this.#saveDir, this.#name, typeof version === 'number' ? `version_${version}` : version);
  }

  /** What a resumed run must know to go on in this directory. */
  state(): JsonObject {
    return { name: this.#name, version: this.version };
  }

  /**
   * Goes on in the directory of the run that is resumed, unless the options name another one.
   *
   * @returns whether this is now the directory of that run
   */
  restore({ name, version }: JsonObject): boolean {
    const known = typeof version === 'number' || typeof version === 'string';
    if (name === this.#name && known && this.#given === undefined) this.#version = version;
    return name === this.#name && known && this.version === version;
  }
}

/** One more than the highest `version_N` there is. */
function nextVersion(directory: string): number {
  const numbers = namesIn(directory).map((name) => Number(/^version_(\d+)$/.exec(name)?.[1] ?? -1));
  return Math.max(-1, ...numbers) + 1;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // not there yet, or not readable: the first write will tell
  }
}
