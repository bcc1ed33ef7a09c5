/** What file loggers have in common: files that are whole or absent, hyper-parameters as YAML, and a disk that may fail. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { HyperParameters } from '../core/contracts.ts';
import { messageOf } from '../core/errors.ts';

/** Replaces a file: it is written beside and renamed, so that a reader finds the old content or the new. */
export function replaceFile(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** Writes `hparams.yaml` into a run's directory. */
export function writeHparamsFile(directory: string, hparams: HyperParameters): void {
  replaceFile(join(directory, 'hparams.yaml'), stringify(hparams));
}

/** Runs what may fail on a bad disk. Training must not end over it: the first failure is reported, and only that. */
export class DiskGuard {
  readonly #owner: string;
  #reported = false;

  constructor(owner: string) {
    this.#owner = owner;
  }

  /** What `write` returns, or `undefined` when it failed. */
  attempt<T>(write: () => T): T | undefined {
    try {
      return write();
    } catch (error) {
      if (!this.#reported) {
        const text = `${this.#owner} cannot write, and training goes on without it: ${messageOf(error)}`;
        process.emitWarning(text, { type: 'KelvinWarning', code: 'log-not-written' });
      }
      this.#reported = true;
      return undefined;
    }
  }
}
