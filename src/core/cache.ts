/** Where Kelvin keeps what it fetched: the user's cache, where the platform has it. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `XDG_CACHE_HOME/kelvin`, or what the platform has in its place. The directory may not exist yet. */
export function cacheDirectory(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'kelvin');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'kelvin');
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'kelvin', 'cache');
  return join(homedir(), '.cache', 'kelvin');
}
