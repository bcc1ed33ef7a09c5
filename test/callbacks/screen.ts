/** A stream that collects text, and one that is a terminal: it obeys cursor movements and knows what is on the screen. */

const ESC = '\u001b';
const ESCAPES = new RegExp(`${ESC}\\[([?\\d;]*)([A-Za-z])|([^${ESC}])`, 'g');

/** Collects what is written; not a terminal. */
export class Paper {
  text = '';

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  /** The text with times and rates, which no test can know, as `T` and `R`. */
  get normalized(): string {
    return normalized(this.text);
  }
}

/** A terminal: `lines` is what a user sees, everything that has scrolled by included. */
export class Screen extends Paper {
  readonly isTTY = true;
  readonly rows = 24;
  columns = 120;
  readonly #grid: string[] = [''];
  #row = 0;
  #column = 0;
  /** Writes so far. */
  frames = 0;

  override write(text: string): boolean {
    super.write(text);
    this.frames++;
    for (const [, code, final, plain] of text.matchAll(ESCAPES)) {
      if (plain === undefined) this.#obey(final as string, Number(code || (final === 'G' ? 1 : 0)));
      else this.#put(plain);
    }
    return true;
  }

  get lines(): string[] {
    return this.#grid.map((line) => normalized(line.trimEnd())).filter((line) => line !== '');
  }

  #put(character: string): void {
    if (character === '\n') {
      this.#row++;
      this.#column = 0;
      this.#grid[this.#row] ??= '';
      return;
    }
    const line = (this.#grid[this.#row] as string).padEnd(this.#column);
    this.#grid[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column++;
  }

  #obey(final: string, amount: number): void {
    if (final === 'A') this.#row = Math.max(0, this.#row - Math.max(1, amount));
    else if (final === 'B') this.#row += Math.max(1, amount);
    else if (final === 'G') this.#column = amount - 1;
    else if (final === 'K') {
      const line = this.#grid[this.#row] ?? '';
      this.#grid[this.#row] = amount === 2 ? '' : line.slice(0, this.#column);
    }
  }
}

function normalized(text: string): string {
  return text
    .replaceAll(/\d+:\d\d<(\d+:\d\d|\?)/g, 'T')
    .replaceAll(/\d+\.\d s\b/g, 'T')
    .replaceAll(/[\d.e+]+ (batches\/s|s\/batch)/g, 'R');
}
