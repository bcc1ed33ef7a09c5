/** Finds the checkpoint that `ckptPath` means, and loads weights from it. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readCheckpoint } from '../checkpoint/store.ts';
import type { Callback, Checkpoint } from '../core/contracts.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import { restoreWeights } from './checkpoint-state.ts';
import type { Session } from './session.ts';

/** A callback that keeps checkpoints, as far as it matters here. */
interface CheckpointKeeper extends Callback {
  readonly bestModelPath: string;
  readonly dirPath: string | undefined;
}

/**
 * Reads the checkpoint that `ckptPath` means: a path, `'best'` or `'last'`.
 *
 * @throws CheckpointError when it is not there or damaged; ConfigError when no ModelCheckpoint could have written it
 */
export async function resolveCheckpoint(
  ckptPath: string | undefined,
  callbacks: readonly Callback[],
  logDir: string,
): Promise<Checkpoint | undefined> {
  if (ckptPath === undefined) return undefined;
  if (ckptPath === 'best') return readCheckpoint(bestPath(callbacks));
  if (ckptPath === 'last') return readCheckpoint(await lastPath(callbacks, logDir));
  return readCheckpoint(ckptPath);
}

/** Sets the module's weights from the checkpoint that `ckptPath` means, if any. */
export async function loadWeights(
  session: Session,
  callbacks: readonly Callback[],
  ckptPath: string | undefined,
): Promise<void> {
  const checkpoint = await resolveCheckpoint(ckptPath, callbacks, session.options.defaultRootDir);
  if (checkpoint === undefined) return;
  await session.hooks.fire('loadCheckpoint', checkpoint);
  restoreWeights(session.module, checkpoint, { strict: true });
}

function keepers(callbacks: readonly Callback[]): CheckpointKeeper[] {
  return callbacks.filter(
    (callback): callback is CheckpointKeeper => callback.role === 'checkpoint' && 'bestModelPath' in callback,
  );
}

function bestPath(callbacks: readonly Callback[]): string {
  const best = keepers(callbacks).find((keeper) => keeper.bestModelPath !== '')?.bestModelPath;
  if (best !== undefined) return best;
  throw new ConfigError("ckptPath 'best'", {
    code: 'no-best-checkpoint',
    expected: 'a ModelCheckpoint that has saved one',
    got: 'none',
    help: 'fit with a ModelCheckpoint first, or give a path',
  });
}

async function lastPath(callbacks: readonly Callback[], logDir: string): Promise<string> {
  const directory = keepers(callbacks)[0]?.dirPath ?? join(logDir, 'checkpoints');
  const names = (await readdir(directory).catch(() => [])).filter(
    (name) => name.endsWith('.ckpt') && !name.startsWith('.'),
  );
  const dated = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(directory, name))).mtimeMs })),
  );
  const newest = dated.sort((a, b) => b.time - a.time)[0];
  if (newest !== undefined) return join(directory, newest.name);
  throw new CheckpointError(`There is no checkpoint in ${directory}`, {
    code: 'checkpoint-not-found',
    help: "leave out `ckptPath: 'last'` to start afresh, or give a path",
  });
}
