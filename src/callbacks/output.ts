/** Where callbacks print: any stream that takes text, a terminal or not. */

/** A stream to print to, such as `process.stderr`. With `isTTY` it is a terminal of `columns` by `rows` characters. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** True for anything that text can be written to. */
export function isOutput(value: unknown): boolean {
  return typeof (value as Output | undefined | null)?.write === 'function';
}

/** True for a terminal whose lines can be drawn over; one of size 0, as containers have them, is none. */
export function isTerminal(stream: Output): boolean {
  const { TERM } = process.env;
  return stream.isTTY === true && TERM !== 'dumb' && stream.columns !== 0 && stream.rows !== 0;
}

/** True for a terminal, unless the environment asks for no colours (no-color.org). */
export function wantsColour(stream: Output): boolean {
  const { NO_COLOR, NODE_DISABLE_COLORS } = process.env;
  return isTerminal(stream) && !NO_COLOR && !NODE_DISABLE_COLORS;
}
