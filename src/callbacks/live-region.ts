/** A few lines at the bottom of a terminal that are drawn over again and again. */
import type { createLogUpdate } from 'log-update';
import type { Output } from './output.ts';

type Draw = ReturnType<typeof createLogUpdate>;

export class LiveRegion {
  readonly stream: Output;
  #draw: Draw | undefined;
  #shown = false;

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
    this.#draw?.(lines.join('\n'));
    this.#shown = true;
  }

  /** Leaves what is drawn where it is; the next drawing goes below. */
  keep(): void {
    if (this.#shown) this.#draw?.done();
    this.#shown = false;
  }

  /** Removes what is drawn. */
  clear(): void {
    if (this.#shown) this.#draw?.clear();
    this.#shown = false;
  }

  /** Writes text above what is drawn. */
  print(text: string): void {
    if (this.#shown) this.#draw?.clear();
    this.#shown = false;
    this.stream.write(`${text}\n`);
  }
}
