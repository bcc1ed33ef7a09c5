/** Where fetched data sets are kept, and where data may lie on this machine. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The directory for downloaded data sets: the user's cache, where the platform keeps it. */
export function cacheDirectory(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'kelvin');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'kelvin');
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'kelvin', 'cache');
  return join(homedir(), '.cache', 'kelvin');
}

/** The directories that may hold the files of a data set, in the order in which they are looked at. */
export function dataDirectories(set: string, dataDir: string | undefined, cacheDir: string): string[] {
  const roots = [dataDir, process.env.KELVIN_DATA_DIR].filter((dir): dir is string => dir !== undefined && dir !== '');
  return [...new Set([...roots.flatMap((dir) => [dir, join(dir, set)]), cacheDir])];
}
