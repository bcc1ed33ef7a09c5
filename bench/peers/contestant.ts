/** A contestant: a process that takes training steps whenever it is its turn. It talks in lines of JSON. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What it takes to start one. */
export interface Command {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Longest time, in ms, for a start (torch.compile compiles in it) or a turn. */
const PATIENCE = 180_000;

export class Contestant {
  readonly name: string;
  /** ms per step, one for each turn. */
  readonly times: number[] = [];
  /** Floating-point operations per step, where it tells them. */
  operations: number | undefined;
  /** Why it is out, when it is. */
  failure: string | undefined;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #errors = '';

  constructor({ name, command, args, env }: Command) {
    this.name = name;
    this.#process = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    const { stdout, stdin, stderr } = this.#process;
    stdin?.on('error', () => {}); // it has gone: its output ends, which is noticed
    stderr?.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    this.#process.on('error', ({ message }) => {
      this.failure = message;
    });
    this.#closed = once(this.#process, 'close').catch(() => {});
    this.#lines = createInterface(stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]();
  }

  /** Waits until it is there. */
  async start(): Promise<void> {
    this.operations = (await this.#answer())?.operations;
  }

  /** Lets it train for so long, and for so many steps at least. Returns its ms per step, unless it has failed. */
  async turn(ms: number, steps: number): Promise<number | undefined> {
    if (this.failure !== undefined) return undefined;
    this.#process.stdin?.write(`${ms} ${steps}\n`);
    return (await this.#answer())?.ms;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#closed;
  }

  async #answer(): Promise<{ ms?: number; operations?: number } | undefined> {
    const patience = setTimeout(() => {
      this.failure = `no answer within ${PATIENCE / 1000} s`;
      this.#process.kill('SIGKILL');
    }, PATIENCE);
    const { value, done } = await this.#lines.next();
    clearTimeout(patience);
    if (!done) return JSON.parse(value) as { ms?: number; operations?: number };
    await this.#closed;
    const lines = this.#errors.trim().split('\n');
    this.failure ??= lines.findLast((line) => /\w*Error\b/.test(line)) ?? (lines.at(-1) || 'it ended without a word');
    return undefined;
  }
}
