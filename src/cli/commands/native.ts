/** `kelvin native`: builds native TensorFlow into the user's cache, says what is there, takes it away. */
import { installNative } from '../../engine/native/install.ts';
import { nativeStatus, removeNative } from '../../engine/native/installed.ts';
import { nativeRoot } from '../../engine/native/layout.ts';
import type { Context } from '../command.ts';
import { EXIT, type ExitCode, UsageError } from '../exit.ts';
import { type Io, note, say } from '../io.ts';
import type { NativeSettings } from '../settings.ts';

/** Does what the first argument says. */
export async function native(settings: NativeSettings, { io }: Context): Promise<ExitCode> {
  switch (settings.action) {
    case 'install':
      return install(settings, io);
    case 'status':
      return status(io);
    case 'remove':
      return remove(io);
    default:
      throw new UsageError('kelvin native', {
        code: 'missing-action',
        expected: 'install, status or remove',
        got: 'none',
        help: 'kelvin native --help',
      });
  }
}

async function install({ gpu, wheel, python }: NativeSettings, io: Io): Promise<ExitCode> {
  const { engine, tensorflow, folder } = await installNative({ gpu, wheel, python, onStep: (line) => note(io, line) });
  say(io, `${engine}: TensorFlow ${tensorflow} in ${folder}`);
  return EXIT.done;
}

function status(io: Io): ExitCode {
  const engines = nativeStatus();
  if (engines.length === 0) say(io, `nothing is installed in ${nativeRoot()}`, '  help: kelvin native install');
  for (const { engine, folder, manifest, reason, bytes } of engines) {
    say(io, `${engine}: ${manifest ? `TensorFlow ${manifest.tensorflow}` : 'cannot be used'}`);
    say(io, `  folder: ${folder} (${Math.round(bytes / 1e6)} MB)`);
    if (manifest) say(io, `  wheels: ${Object.keys(manifest.wheels).join(', ')}`, `  built by: ${manifest.compiler}`);
    if (reason !== undefined) say(io, `  reason: ${reason}`, '  help: kelvin native install');
  }
  return EXIT.done;
}

function remove(io: Io): ExitCode {
  const removed = removeNative();
  if (removed.length === 0) say(io, `nothing is installed in ${nativeRoot()}`);
  for (const { engine, folder } of removed) say(io, `${engine}: removed ${folder}`);
  return EXIT.done;
}
