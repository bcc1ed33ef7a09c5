/** All temporary folders of a run of the tests lie in one, which goes away with the run. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'kelvin-tests-'));
  chmodSync(folder, 0o755); // a test looks into its own folder as another user
  // The processes of the tests inherit it.
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
