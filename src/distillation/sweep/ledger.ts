/** The finished runs of a sweep in one file, so that a sweep that was cut short goes on after the last of them. */
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { writeThrough } from '../../checkpoint/durable.ts';
import { DataError, messageOf } from '../../core/errors.ts';

/** What a run came to. */
export interface SweepRun {
  /** Misclassified samples of the test set, and how many it has. */
  readonly errors: number;
  readonly samples: number;
  readonly parameters: number;
  /** Share of the samples for which it says what the teacher says. */
  readonly agreement?: number | undefined;
  /** KL(teacher ‖ student) at T = 1, in nats. */
  readonly kl?: number | undefined;
}

export class Ledger {
  readonly #file: string;
  readonly #plan: string;
  readonly #runs: Map<string, SweepRun>;

  private constructor(file: string, plan: string, runs: Map<string, SweepRun>) {
    this.#file = file;
    this.#plan = plan;
    this.#runs = runs;
  }

  /** @throws DataError `other-sweep` for the runs of another plan, `ledger-damaged` */
  static async open(directory: string, plan: unknown): Promise<Ledger> {
    await mkdir(directory, { recursive: true });
    const file = join(directory, 'runs.json');
    const own = JSON.stringify(plan ?? null);
    const saved = await read(file);
    if (saved === undefined) {
      // At once: a run may leave checkpoints before any run is finished.
      const fresh = new Ledger(file, own, new Map());
      await fresh.#write();
      return fresh;
    }
    if (JSON.stringify(saved.plan) === own) return new Ledger(file, own, new Map(Object.entries(saved.runs)));
    throw new DataError(`${file} holds the runs of another sweep`, {
      code: 'other-sweep',
      expected: own,
      got: JSON.stringify(saved.plan),
      help: 'give this sweep another directory, or remove that one; only what is varied may change',
    });
  }

  get(name: string): SweepRun | undefined {
    return this.#runs.get(name);
  }

  async add(name: string, run: SweepRun): Promise<void> {
    this.#runs.set(name, run);
    await this.#write();
  }

  async #write(): Promise<void> {
    const content = { plan: JSON.parse(this.#plan), runs: Object.fromEntries(this.#runs) };
    await writeThrough(`${this.#file}.new`, Buffer.from(JSON.stringify(content, null, 1)));
    await rename(`${this.#file}.new`, this.#file);
  }
}

async function read(file: string): Promise<{ plan: unknown; runs: Record<string, SweepRun> } | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${file} is no JSON`, { code: 'ledger-damaged', got: messageOf(cause), cause });
  }
}
