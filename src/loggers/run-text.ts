/** What TensorBoard's Text tab says of a run: its configuration, and where and with what it ran. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { markdownTable } from 'tensorboard-logger-ts';
import { stringify } from 'yaml';
import type { HyperParameters } from '../core/contracts.ts';
import * as tf from '../core/tf.ts';
import { gitCommit } from './git-commit.ts';

/** The hyper-parameters as YAML, in Markdown. */
export function configText(hparams: HyperParameters): string {
  return `\`\`\`yaml\n${stringify(hparams)}\`\`\``;
}

/** A table of the machine, the engine and the commit. */
export function environmentText(directory: string = process.cwd()): string {
  const git = gitCommit(directory);
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return markdownTable(
    ['', ''],
    [
      ['engine', tf.getBackend() || 'none'],
      ['TensorFlow.js', tf.version_core],
      ['Node.js', process.version],
      ['system', `${platform()} ${release()} ${arch()}`],
      ['processor', `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${gigabytes} GiB`],
      ...(git === undefined ? [] : [['git commit', git.branch ? `${git.commit} (${git.branch})` : git.commit]]),
    ],
  );
}
