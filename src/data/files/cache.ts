/** Where data may lie on this machine. */
import { join } from 'node:path';

/** The directories that may hold the files of a data set, in the order in which they are looked at. */
export function dataDirectories(set: string, dataDir: string | undefined, cacheDir: string): string[] {
  const roots = [dataDir, process.env.KELVIN_DATA_DIR].filter((dir): dir is string => dir !== undefined && dir !== '');
  return [...new Set([...roots.flatMap((dir) => [dir, join(dir, set)]), cacheDir])];
}
