/** Finds the checkpoint that `ckptPath` means, and loads weights from it. */
import { join } from 'node:path';
import { checkpointNames, newestFirst, readCheckpoint } from '../checkpoint/store.ts';
import type { Callback, Checkpoint } from '../core/contracts.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import type { Session } from './session.ts';
import { restoreWeights } from './weights.ts';

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
  logDir: string,
): Promise<void> {
  const checkpoint = await resolveCheckpoint(ckptPath, callbacks, logDir);
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
  const paths = (await checkpointNames(directory)).map((name) => join(directory, name));
  const [newest] = await newestFirst(paths);
  if (newest !== undefined) return newest;
  throw new CheckpointError(`There is no checkpoint in ${directory}`, {
    code: 'checkpoint-not-found',
    help: "leave out `ckptPath: 'last'` to start afresh, or give a path",
  });
}
