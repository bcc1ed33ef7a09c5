/** A piece of a file, without the rest of it. */
import { open } from 'node:fs/promises';
import { unreadable } from './file-errors.ts';

/** The bytes of a file from `position` on, at most `atMost`, and how many it has in all. @throws DataError `file-unreadable` */
export async function startOf(
  file: string,
  atMost: number,
  position = 0,
): Promise<{ start: Uint8Array; bytes: number }> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const start = new Uint8Array(Math.max(0, Math.min(size - position, atMost)));
      const { bytesRead } = await handle.read(start, 0, start.length, position);
      return { start: start.subarray(0, bytesRead), bytes: size };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
}
