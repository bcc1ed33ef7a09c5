/** Every acceptance row and every complaint of the reference on Lightning is in the name of a test. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reference = join(root, '../shared/reference/lightning.md');

/** §4, in whose ids no other section shares: a test is called 'A1 …' or 'A1 A2 …'. */
const ROWS = {
  loop: 'A1 A2 A4 A5 A7 A8 A10 A12 A13 A14 A15 A16 A17 A19 A21 A22 A24',
  validation: 'B1 B2 B3 B6 B7 B9 B10',
  logging: 'C1 C2 C3 C5 C6 C7 C8 C11 C12 C13 C14',
  checkpoints: 'D1 D2 D3 D4 D8 D9 D12 D13 D15 D16 D18 D19 D20 D21 D23 D24 D25 D26 D27',
  tuning: 'E1 E2 E4 E6 E7 E8 E10 E11 E13',
} as const;

/** §2.1 and §2.2: a test is called '§2.1 C3 …', for these letters are those of §4.3 as well. */
const COMPLAINTS = {
  '§2.1': 'C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12 C13 C14 C15 C16 C17',
  '§2.2': 'T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14',
} as const;

const rows = Object.values(ROWS).flatMap((ids) => ids.split(' '));
const complaints = Object.entries(COMPLAINTS).flatMap(([section, ids]) =>
  ids.split(' ').map((id) => `${section} ${id}`),
);

/** The names of all tests and groups of tests in a file, and the texts in the tables that `test.for` makes names of. */
function namesIn(path: string): string[] {
  const names: string[] = [];
  const isTest = (node: ts.Node): boolean =>
    ts.isIdentifier(node)
      ? ['test', 'it', 'describe'].includes(node.text)
      : (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)) && isTest(node.expression);
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTest(node.expression)) {
      const [name] = node.arguments;
      if (name !== undefined && ts.isStringLiteralLike(name)) names.push(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest));
  return names;
}

const names = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .flatMap((name) => namesIn(join(root, 'test', name)));

/** The ids with which a name begins: 'A17 §2.1 C6 four batches …' has A17 and §2.1 C6. */
function idsOf(name: string): string[] {
  const head = /^((§[\d.]+ )?([A-ET]\d+)[: ]+|§[\d.]+ )*/.exec(name)?.[0] ?? '';
  let section = '';
  return [...head.matchAll(/§[\d.]+|[A-ET]\d+/g)].flatMap(([word]) => {
    if (word.startsWith('§')) section = `${word} `;
    return word.startsWith('§') ? [] : [section + word];
  });
}

const ids = new Set(names.flatMap(idsOf));

test('names are read as they are meant', () => {
  expect(idsOf('A17 §2.1 C6 four batches of 8')).toEqual(['A17', '§2.1 C6']);
  expect(idsOf('D26: §2.2 T1 T2 rates')).toEqual(['D26', '§2.2 T1', '§2.2 T2']);
  expect(idsOf('a checkpoint of A4 paper')).toEqual([]);
  expect(names.length).toBeGreaterThan(500);
});

test('each row has a test that carries its id', () => {
  expect(rows.filter((id) => !ids.has(id))).toEqual([]);
});

test('each complaint is answered by a test that carries its id', () => {
  expect(complaints.filter((id) => !ids.has(id))).toEqual([]);
});

test('no test carries an id that there is none of', () => {
  const known = new Set([...rows, ...complaints]);
  expect([...ids].filter((id) => !known.has(id) && !/^§7/.test(id))).toEqual([]);
});

test.skipIf(!existsSync(reference))('these are those of the reference (skipped without ../shared)', () => {
  const text = readFileSync(reference, 'utf8');
  const section = (from: string, to: string): string => text.split(from)[1]?.split(to)[0] ?? '';
  const idsIn = (part: string): (string | undefined)[] =>
    [...part.matchAll(/^\| ([A-ET]\d+) \|/gm)].map((match) => match[1]);
  expect(idsIn(section('# 4. ACCEPTANCE BEHAVIOURS', '\n# 5.'))).toEqual(rows);
  const users = ['§2.1', '§2.2'].flatMap((name, i) =>
    idsIn(section(`## ${name.slice(1)} `, i === 0 ? '## 2.2 ' : '\n# 3.')).map((id) => `${name} ${id}`),
  );
  expect(users).toEqual(complaints);
});
