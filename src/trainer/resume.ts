/** Finds the checkpoint that `ckptPath` means, and loads weights from it. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OnExceptionCheckpoint } from '../callbacks/on-exception-checkpoint.ts';
import { checkpointsIn, readCheckpoint } from '../checkpoint/store.ts';
import type { Callback, Checkpoint } from '../core/contracts.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import { restoreWeights } from '../module/weights.ts';
import { restoreDataModule } from './data-state.ts';
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
  if (ckptPath === 'last') return readNewest(callbacks, logDir);
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
  restoreDataModule(session, checkpoint);
  await session.hooks.fire('loadCheckpoint', checkpoint);
  restoreWeights(session.module, checkpoint, { strict: session.module.strictLoading });
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

/** The newest checkpoint that is whole. A damaged one is passed over with a warning. */
async function readNewest(callbacks: readonly Callback[], logDir: string): Promise<Checkpoint> {
  const given = keepers(callbacks)[0]?.dirPath;
  const runs = given === undefined ? await directoriesOfRuns(logDir) : [given];
  const backups = callbacks.flatMap((each) => (each instanceof OnExceptionCheckpoint ? (each.dirPath ?? []) : []));
  // What was saved when the run broke belongs to the newest run, wherever it lies.
  const directories = runs.map((run, i) => (i === 0 ? [...new Set([run, ...backups])] : [run]));
  let firstFailure: CheckpointError | undefined;
  for (const places of directories) {
    for (const path of await checkpointsIn(...places)) {
      try {
        return await readCheckpoint(path);
      } catch (error) {
        if (!(error instanceof CheckpointError) || error.code !== 'checkpoint-corrupt') throw error;
        firstFailure ??= error;
        const text = `The checkpoint ${path} is damaged, and the one before it is used: ${error.got ?? ''}`;
        process.emitWarning(text, { type: 'KelvinWarning', code: error.code });
      }
    }
    if (firstFailure !== undefined) throw firstFailure;
  }
  throw new CheckpointError(`There is no checkpoint in ${runs[0]}`, {
    code: 'checkpoint-not-found',
    help: "leave out `ckptPath: 'last'` to start afresh, or give a path",
  });
}

/** Where a run with default directories has its checkpoints: its own first, then those of earlier versions. */
async function directoriesOfRuns(logDir: string): Promise<string[]> {
  const version = (name: string): number => Number(/^version_(\d+)$/.exec(name)?.[1] ?? -1);
  const own = version(basename(logDir));
  const names = own < 0 ? [] : await readdir(dirname(logDir)).catch(() => []);
  const earlier = names.filter((name) => version(name) >= 0 && version(name) < own);
  const runs = earlier.sort((a, b) => version(b) - version(a)).map((name) => join(dirname(logDir), name));
  return [logDir, ...runs].map((run) => join(run, 'checkpoints'));
}
