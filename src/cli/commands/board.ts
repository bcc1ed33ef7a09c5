/** `kelvin board`: TensorBoard on the runs where Python has it, else a page of Kelvin's own. */
import { spawn, spawnSync } from 'node:child_process';
import { serveBoard } from '../board/server.ts';
import type { Context } from '../command.ts';
import { EXIT, type ExitCode, UsageError } from '../exit.ts';
import { type Io, note, say } from '../io.ts';
import type { BoardSettings } from '../settings.ts';

/** Shows the runs until Ctrl-C. */
export async function board(settings: BoardSettings, { io }: Context): Promise<ExitCode> {
  const { dir, port, python, builtin } = settings;
  if (!builtin && hasTensorBoard(python)) return tensorBoard(python, dir, port, io);
  if (!builtin) {
    note(io, `No TensorBoard for ${python} (pip install tensorboard); showing scalars on a page of Kelvin's own.`);
  }
  const shown = await serveBoard(dir, { port });
  say(io, `Runs in ${dir}: ${shown.url}`, 'Ctrl-C ends it.');
  await new Promise<void>((resolve) => process.once('SIGINT', resolve));
  await shown.close();
  return EXIT.done;
}

function hasTensorBoard(python: string): boolean {
  return spawnSync(python, ['-c', 'import tensorboard.main'], { stdio: 'ignore' }).status === 0;
}

function tensorBoard(python: string, dir: string, port: number, io: Io): Promise<ExitCode> {
  note(io, `TensorBoard on ${dir}; Ctrl-C ends it.`);
  const args = ['-m', 'tensorboard.main', '--logdir', dir, '--port', String(port)];
  const child = spawn(python, args, { stdio: 'inherit' });
  // Ctrl-C reaches the child, too; it ends, and so do we.
  const wait = (): void => {};
  process.on('SIGINT', wait);
  return new Promise<ExitCode>((resolve, reject) => {
    child.once('error', (cause) => reject(new UsageError('kelvin board: TensorBoard', { code: 'no-python', cause })));
    child.once('exit', (code, signal) => resolve(code === 0 || signal === 'SIGINT' ? EXIT.done : EXIT.failed));
  }).finally(() => process.off('SIGINT', wait));
}
