/** One `exit` listener for all open writers: what is buffered when the process ends is written synchronously. */

/** Something that can be written out without waiting. */
export interface Flushable {
  flushSync(): void;
}

const open = new Set<Flushable>();

function flushAll(): void {
  for (const writer of open) writer.flushSync();
}

/** Has `writer` flushed at exit. The listener exists only while there is a writer. */
export function flushAtExit(writer: Flushable): void {
  if (open.size === 0) process.on('exit', flushAll);
  open.add(writer);
}

/** Undoes `flushAtExit`. */
export function forgetAtExit(writer: Flushable): void {
  if (open.delete(writer) && open.size === 0) process.off('exit', flushAll);
}
