/** The finished runs of an experiment on disk, a file per run: what was cut short goes on, and several processes can share it. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError, messageOf } from '../core/errors.ts';

/**
 * Remembers what came of the runs of an experiment, by their names. A `/` in a name makes a group of runs. Everything is plain
 * JSON, whole or not there.
 *
 * @example
 * ```ts
 * const ledger = new RunLedger<{ errors: number }>('runs/experiment', { epochs: 20 });
 * for (const seed of [0, 1, 2]) {
 *   const name = `student/${seed}`;
 *   if (ledger.get(name) === undefined) ledger.add(name, { errors: await trainAndTest(seed) });
 * }
 * console.log(ledger.all('student'));
 * ```
 */
export class RunLedger<R> {
  readonly #directory: string;

  /**
   * @param directory made if it is not there
   * @param plan everything that the runs depend on beside their names, as JSON
   * @throws DataError `other-plan` for a directory with the runs of another plan, `ledger-damaged`
   */
  constructor(directory: string, plan: unknown) {
    this.#directory = join(directory, 'results');
    mkdirSync(this.#directory, { recursive: true });
    const file = join(directory, 'plan.json');
    const own = JSON.stringify(plan ?? null);
    if (!existsSync(file)) write(file, JSON.stringify(plan ?? null, null, 1));
    const saved = JSON.stringify(read(file));
    if (saved === own) return;
    throw new DataError(`${directory} holds the runs of another plan`, {
      code: 'other-plan',
      expected: own,
      got: saved,
      help: 'give another directory, or remove that one',
    });
  }

  /** What came of a run; undefined when it has not been finished. @throws DataError `ledger-damaged` */
  get(name: string): R | undefined {
    const file = this.#file(name);
    return existsSync(file) ? (read(file) as R) : undefined;
  }

  /** The runs of a group by their names, numbers in order; of no group, all there are. @throws DataError `ledger-damaged` */
  all(group = ''): R[] {
    const directory = group === '' ? this.#directory : this.#file(group).replace(/\.json$/, '');
    if (!existsSync(directory)) return [];
    const files = (readdirSync(directory, { recursive: true }) as string[]).filter((file) => file.endsWith('.json'));
    const inOrder = files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    return inOrder.map((file) => read(join(directory, file)) as R);
  }

  /** Keeps what came of a run. */
  add(name: string, run: R): void {
    const file = this.#file(name);
    mkdirSync(dirname(file), { recursive: true });
    write(file, `${JSON.stringify(run)}\n`);
  }

  #file(name: string): string {
    return `${join(this.#directory, ...name.split('/').map(fileName))}.json`;
  }
}

/** What every file system takes, and no way out of the directory. */
const fileName = (part: string): string =>
  encodeURIComponent(part)
    .replaceAll(/%20|%2C|%40/g, decodeURIComponent)
    .replaceAll('*', '%2A')
    .replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'));

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new DataError(`${file} is no JSON`, {
      code: 'ledger-damaged',
      got: messageOf(cause),
      help: 'remove it: what it held is run again',
      cause,
    });
  }
}

/** Writes a file whole or not at all. */
function write(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.new`;
  const handle = openSync(temporary, 'w');
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}
