/**
 * Takes the event files of a directory back to what they held when a checkpoint was made: what was written later is cut
 * off. Hiding by step, as TensorBoard's purge does, cannot be exact where rows have x axes of different kinds.
 */
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** Ends the names of the files that a TensorBoardLogger writes: only these are ever taken away. */
export const SUFFIX = '.kelvin';

/** Bytes by file name. */
export type FileSizes = Readonly<Record<string, number>>;

/** The sizes of the event files in a directory. */
export function eventFileSizes(directory: string): FileSizes {
  return Object.fromEntries(eventFiles(directory).map((name) => [name, statSync(join(directory, name)).size]));
}

/** Cuts the files back to `sizes` and takes those away that are not in it. Files of other writers stay as they are. */
export function cutEventFiles(directory: string, sizes: FileSizes): void {
  for (const name of eventFiles(directory)) {
    const path = join(directory, name);
    const size = sizes[name];
    if (size === undefined) rmSync(path, { force: true });
    else if (statSync(path).size > size) truncateSync(path, size);
  }
}

function eventFiles(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.includes('tfevents') && name.endsWith(SUFFIX));
  } catch {
    return []; // nothing has been written yet
  }
}
