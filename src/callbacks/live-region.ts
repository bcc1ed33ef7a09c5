/**
 * A few lines at the bottom of a terminal that are drawn over again and again. While they are shown, what anybody else
 * prints goes above them: else the next drawing would wipe it out.
 */
import type { createLogUpdate } from 'log-update';
import type { Output } from './output.ts';

type Draw = ReturnType<typeof createLogUpdate>;
type Write = (...args: readonly unknown[]) => unknown;

export class LiveRegion {
  readonly stream: Output;
  #draw: Draw | undefined;
  #shown = false;
  #drawing = false;
  #releases: (() => void)[] = [];

  constructor(stream: Output) {
    this.stream = stream;
  }

  /** Loads what draws. Late, since most programs that import this library never draw. */
  async prepare(): Promise<void> {
    if (this.#draw !== undefined) return;
    const { createLogUpdate } = await import('log-update');
    // The cursor stays visible: whatever ends the process, the terminal is as it was.
    this.#draw = createLogUpdate(this.stream as NodeJS.WritableStream, { showCursor: true });
  }

  /** Characters that a line may have. The last column stays free, where some terminals would wrap. */
  get width(): number {
    return Math.max(1, (this.stream.columns ?? 80) - 1);
  }

  /** Draws over what is there. */
  show(lines: readonly string[]): void {
    if (this.#releases.length === 0) this.#watch();
    this.#alone(() => this.#draw?.(lines.join('\n')));
    this.#shown = true;
  }

  /** Leaves what is drawn where it is; the next drawing goes below. */
  keep(): void {
    if (this.#shown) this.#draw?.done();
    this.#end();
  }

  /** Removes what is drawn. */
  clear(): void {
    this.#erase();
    this.#end();
  }

  /** Writes text above what is drawn. */
  print(text: string): void {
    this.#erase();
    this.stream.write(`${text}\n`);
  }

  #erase(): void {
    if (this.#shown) this.#alone(() => this.#draw?.clear());
    this.#shown = false;
  }

  #end(): void {
    this.#shown = false;
    for (const release of this.#releases.splice(0)) release();
  }

  #alone(draw: () => void): void {
    this.#drawing = true;
    try {
      draw();
    } finally {
      this.#drawing = false;
    }
  }

  /** Stands before the terminal's streams: erases what is drawn before others print. The next drawing goes below. */
  #watch(): void {
    for (const stream of sharingTerminal(this.stream)) {
      const before = Object.getOwnPropertyDescriptor(stream, 'write');
      const write = stream.write as Write;
      const standIn: Write = (...args) => {
        if (!this.#drawing) this.#erase();
        return Reflect.apply(write, stream, args);
      };
      stream.write = standIn;
      this.#releases.push(() => {
        if (stream.write !== standIn) return; // somebody else stands before it now; ours does nothing any more
        if (before === undefined) Reflect.deleteProperty(stream, 'write');
        else Object.defineProperty(stream, 'write', before);
      });
    }
  }
}

/** The streams that print to the terminal of `stream`, as far as that can be known. */
function sharingTerminal(stream: Output): Output[] {
  const standard: Output[] = [process.stdout, process.stderr];
  return standard.includes(stream) ? standard.filter(({ isTTY }) => isTTY === true) : [stream];
}
