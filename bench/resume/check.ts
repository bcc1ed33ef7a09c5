/**
 * The long check of exact resume: `npm run check:resume`. Kills real training processes with SIGKILL at KILLS (50) random
 * moments in all, drawn with SEED (1), has others go on, and compares all bytes of weights and csv rows and all points in
 * TensorBoard with those of a run that was never stopped.
 */
import { deepStrictEqual } from 'node:assert';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from 'kelvin';
import { killUntilDone, outcomeOf, runOnce } from './kill.ts';

const kills = Number(process.env.KILLS ?? 50);
const random = new Random(Number(process.env.SEED ?? 1));
const fresh = (): string => mkdtempSync(join(tmpdir(), 'kelvin-resume-'));

const straight = fresh();
const { events } = await runOnce(straight);
const expected = await outcomeOf(straight);
console.log(`never stopped: ${expected.status} after ${expected.steps} steps, ${events} events`);

const places: Record<string, number> = {};
let done = 0;
for (let run = 1; done < kills; run++) {
  const directory = fresh();
  const moments = await killUntilDone(directory, { random, events, atMost: Math.min(10, kills - done) });
  done += moments.length;
  for (const { place, whileWriting } of moments) {
    const where = whileWriting ? 'writing a checkpoint' : place;
    places[where] = (places[where] ?? 0) + 1;
  }
  const told = moments.map(({ events: at, whileWriting }) => `${at}${whileWriting ? 'w' : ''}`).join(' ');
  try {
    deepStrictEqual(await outcomeOf(directory), expected);
  } catch (error) {
    console.error(`run ${run}, killed at ${told}, differs; it is in ${directory}, the whole one in ${straight}`);
    throw error;
  }
  console.log(`run ${run}: killed ${moments.length} times (events ${told}), equal; ${done} of ${kills}`);
}
console.log(
  `killed in: ${Object.entries(places)
    .map(([where, count]) => `${where} ${count}`)
    .join(', ')}`,
);
if (kills >= 50) {
  for (const where of ['validation', 'open window', 'writing a checkpoint']) {
    if (places[where] === undefined) throw new Error(`never killed in: ${where}; draw with another SEED`);
  }
}
