/**
 * Writing that survives what may happen: files and directories are brought to disk, and temporary files that a killed
 * process has left are cleared away by the next one that writes there.
 */
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Temporary files of processes that have ended are removed when they are older than this, in milliseconds. */
const ABANDONED_AFTER = 60_000;

let written = 0;
const cleaned = new Set<string>();

/** A name for what becomes `name` when it is whole. Nobody takes it for a checkpoint. */
export function temporaryName(name: string): string {
  return `.${name}.${process.pid}-${++written}.tmp`;
}

/** Removes the temporary files of processes that were killed. Looks into each directory once in a process. */
export async function removeAbandoned(directory: string): Promise<void> {
  if (cleaned.has(directory)) return;
  cleaned.add(directory);
  for (const name of await readdir(directory).catch(() => [])) {
    const pid = /^\..+\.ckpt\.(\d+)-\d+\.tmp$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(directory, name);
    // Another machine may share the directory, and its processes cannot be seen here: recent files stay.
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > ABANDONED_AFTER) await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Writes a file and waits until the disk has it. */
export async function writeThrough(path: string, content: Uint8Array): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Waits until the disk has what was renamed in a directory. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // directories cannot be opened there
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
