/** Every acceptance row of the reference on Lightning is the name of a test. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reference = join(root, '../shared/reference/lightning.md');

const ROWS = {
  loop: 'A1 A2 A4 A5 A7 A8 A10 A12 A13 A14 A15 A16 A17 A19 A21 A22 A24',
  validation: 'B1 B2 B3 B6 B7 B9 B10',
  logging: 'C1 C2 C3 C5 C6 C7 C8 C11 C12 C13 C14',
  checkpoints: 'D1 D2 D3 D4 D8 D9 D12 D13 D15 D16 D18 D19 D20 D21 D23 D24 D25 D26 D27',
  tuning: 'E1 E2 E4 E6 E7 E8 E10 E11 E13',
} as const;
const rows = Object.values(ROWS).flatMap((ids) => ids.split(' '));

/** The lines with the names of tests: `test('…'`, `describe('…'`, and the tables of `test.for` that end in a name. */
const names = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .flatMap((name) => readFileSync(join(root, 'test', name), 'utf8').split('\n'))
  .filter((line) => /^\s*(test|describe)\(|\]( as [^(]*)?\)\(|^\s*['"`][A-E]\d+\b.*,$/.test(line));

test('each row has a test that carries its id', () => {
  const missing = rows.filter((id) => !names.some((line) => new RegExp(`['"\`( ]${id}\\b`).test(line)));
  expect(missing).toEqual([]);
});

test.skipIf(!existsSync(reference))('these are the rows of the reference (skipped without ../shared)', () => {
  const [, acceptance = ''] = readFileSync(reference, 'utf8').split('# 4. ACCEPTANCE BEHAVIOURS');
  const [section = ''] = acceptance.split('\n# 5.');
  expect([...section.matchAll(/^\| ([A-E]\d+) \|/gm)].map((match) => match[1])).toEqual(rows);
});
