/** Processes killed with SIGKILL: the short version of `npm run check:resume`, which kills fifty times. */
import { Random } from 'kelvin';
import { expect, test } from 'vitest';
import { killUntilDone, outcomeOf, runOnce } from '../../bench/resume/kill.ts';
import { filesIn, freshDirectory } from '../support/files.ts';

const checkpointsOf = (directory: string): string[] =>
  filesIn(`${directory}/tb/version_0/checkpoints`).filter((name) => !name.startsWith('.'));

test('D16 D26 a process killed with SIGKILL at random moments and resumed ends in the same bytes as one never stopped, on two loaders at once', async () => {
  const [whole, killed] = [freshDirectory(), freshDirectory()];
  const { events } = await runOnce(whole);
  const expected = await outcomeOf(whole);
  expect(expected).toMatchObject({ status: 'stopped' });
  // The first moment is late enough for a checkpoint, so that all goes on in one directory.
  expect(await runOnce(killed, { events: 100, whileWriting: true })).toMatchObject({ killed: true });
  const moments = await killUntilDone(killed, { random: new Random(3), events, atMost: 3 });
  expect(moments.length).toBeGreaterThan(0);
  expect(await outcomeOf(killed)).toEqual(expected);
  expect(checkpointsOf(killed)).toEqual(checkpointsOf(whole));
});
