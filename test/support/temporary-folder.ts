/** All temporary folders of a run of the tests lie in one, which goes away with the run. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const NAME = 'kelvin-tests-';

export default function setup(): (() => void) | undefined {
  // Each group of tests asks for it anew.
  if (basename(tmpdir()).startsWith(NAME)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), NAME));
  // Some tests start processes as another user.
  chmodSync(folder, 0o755);
  // The processes of the tests inherit it.
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
