/** The runs of an experiment on disk: found again by name, whole or not there, those of one plan only. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { RunLedger } from 'kelvin';
import { expect, test } from 'vitest';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';

test('whatever their names, runs are found again and stay in the directory', () => {
  const outside = freshDirectory();
  const directory = join(outside, 'runs');
  const part = fc.oneof(
    fc.string({ minLength: 1, unit: 'grapheme' }),
    fc.constantFrom('.', '..', 'T 4, alpha 0.9', 'a*b'),
  );
  const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const names = fc.uniqueArray(
    name.filter((text) => !text.split('/').includes('')),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(names, fc.integer({ min: 0 }), (given, round) => {
      const own = join(directory, String(round));
      const ledger = new RunLedger<string>(own, round);
      for (const each of given) ledger.add(each, each);
      const again = new RunLedger<string>(own, round);
      expect(given.map((each) => again.get(each))).toEqual(given);
    }),
    { numRuns: 50 },
  );
  expect(readdirSync(outside)).toEqual(['runs']);
});

test('groups are listed in order, numbers by their value', () => {
  const ledger = new RunLedger<number>(freshDirectory(), null);
  for (const seed of [10, 2, 1]) ledger.add(`alone/${seed}`, seed);
  ledger.add('teacher/0', 99);
  expect(ledger.all('alone')).toEqual([1, 2, 10]);
  expect([ledger.all('nobody'), ledger.all().length, ledger.get('alone/3')]).toEqual([[], 4, undefined]);
});

test('several processes share one; another plan and damaged files are refused', async () => {
  const directory = freshDirectory();
  const plan = { epochs: 3, seeds: [0, 1] };
  const [first, second] = [new RunLedger(directory, plan), new RunLedger(directory, plan)];
  first.add('a', { errors: 1 });
  second.add('b', { errors: 2 });
  expect([first.get('b'), second.all()]).toEqual([{ errors: 2 }, [{ errors: 1 }, { errors: 2 }]]);
  expect(readdirSync(join(directory, 'results'))).toEqual(['a.json', 'b.json']);
  expect(JSON.parse(readFileSync(join(directory, 'plan.json'), 'utf8'))).toEqual(plan);
  const other = () => new RunLedger(directory, { ...plan, epochs: 4 });
  expect(await messageFrom(async () => other())).toMatch(/other-plan.*expected .*"epochs":4.*got .*"epochs":3/s);
  writeFileSync(join(directory, 'results', 'a.json'), '{"errors":');
  expect(await messageFrom(async () => first.get('a'))).toMatch(/ledger-damaged.*a\.json is no JSON/s);
});
