/** The commit that is checked out, read from the files of git: no process is started for it. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The commit and branch of the repository around `directory`; undefined outside of one. */
export function gitCommit(directory: string): { commit: string; branch?: string } | undefined {
  const git = gitDirectory(resolve(directory));
  const head = git && textOf(join(git, 'HEAD'));
  if (git === undefined || head === undefined) return undefined;
  const ref = /^ref: (.+)$/.exec(head)?.[1];
  if (ref === undefined) return { commit: head };
  // A worktree has a HEAD of its own and shares the rest.
  const shared = resolve(git, textOf(join(git, 'commondir')) ?? '.');
  const commit = textOf(join(git, ref)) ?? textOf(join(shared, ref)) ?? packed(shared, ref);
  return commit === undefined ? undefined : { commit, branch: ref.replace('refs/heads/', '') };
}

function gitDirectory(directory: string): string | undefined {
  const path = join(directory, '.git');
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  const elsewhere = /^gitdir: (.+)$/.exec(textOf(path) ?? '')?.[1];
  if (elsewhere !== undefined) return resolve(directory, elsewhere);
  const above = dirname(directory);
  return above === directory ? undefined : gitDirectory(above);
}

function packed(git: string, ref: string): string | undefined {
  const line = textOf(join(git, 'packed-refs'))
    ?.split('\n')
    .find((row) => row.endsWith(` ${ref}`));
  return line?.split(' ')[0];
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
