/** The page of names is complete: for those of the reference on Lightning, and for our own. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HOOK_NAMES, hookMethod, Trainer } from 'kelvin';
import * as callbacks from 'kelvin/callbacks';
import { expect, test } from 'vitest';

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const reference = file('../shared/reference/lightning.md');
const page = readFileSync(file('docs/lightning-names.md'), 'utf8');
const named = new Set([...page.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => (code as string).match(/\w+/g) ?? []));
const missing = (names: readonly string[]): string[] => [...new Set(names)].filter((name) => !named.has(name));

/** The trainer names its flags when it is given one that nobody knows. */
function flags(): string[] {
  try {
    new Trainer({ q: 1 } as object);
  } catch (error) {
    return (
      String((error as Error).message)
        .split('known options: ')[1]
        ?.split(', ') ?? []
    );
  }
  return [];
}

test('every flag, hook and callback of ours is there', () => {
  expect(flags().length).toBeGreaterThan(30);
  expect(missing(flags())).toEqual([]);
  expect(missing(HOOK_NAMES.map(hookMethod))).toEqual([]);
  const classes = Object.entries(callbacks).filter(([name, it]) => /^[A-Z]/.test(name) && typeof it === 'function');
  expect(missing(classes.map(([name]) => name))).toEqual([]);
});

const section = (text: string, from: string, to: string): string => text.split(from)[1]?.split(to)[0] ?? '';
const words = (text: string): string[] => text.match(/[a-z]\w+/g) ?? [];

test.skipIf(!existsSync(reference))('every flag of the reference (skipped without ../shared)', () => {
  const rows = section(readFileSync(reference, 'utf8'), '## 1.1 ', '## 1.2 ').match(/^\| (?!flag)[^|-][^|]*\|/gm) ?? [];
  const flags = rows.flatMap((row) => {
    const [, before = '', inner, after = ''] =
      /^\| (\w*)(?:\{([^}]*)\})?([\w, ]*)/.exec(row.replace(' (master only)', '')) ?? [];
    if (inner !== undefined) return inner.split(',').map((part) => before + part + after.trim());
    return words(before + after);
  });
  expect(flags.length).toBeGreaterThan(35);
  expect(missing(flags)).toEqual([]);
});

test.skipIf(!existsSync(reference))('every hook of the reference (skipped without ../shared)', () => {
  const table = section(readFileSync(reference, 'utf8'), 'Complete hook list', '## 1.6 ');
  const spread = (name: string): string[] => {
    if (name.includes('_X_')) return ['validation', 'test'].flatMap((stage) => spread(name.replace('X', stage)));
    const ends = /^(on_\w+)_start\/end$/.exec(name);
    return ends === null ? [name] : [`${ends[1]}_start`, `${ends[1]}_end`];
  };
  const hooks = (table.match(/\bon_\w+(?:\/end)?/g) ?? []).flatMap(spread).filter((name) => !name.endsWith('_'));
  expect(hooks.length).toBeGreaterThan(35);
  expect(missing(hooks)).toEqual([]);
});

test.skipIf(!existsSync(reference))('every callback of the reference (skipped without ../shared)', () => {
  const text = section(readFileSync(reference, 'utf8'), '## 1.8 ', 'Callback API:');
  const bold = [...text.matchAll(/\*\*([^*]+)\*\*/g)].flatMap(([, name]) => (name as string).match(/[A-Z]\w+/g) ?? []);
  const others = (text.split('**Others**')[1] ?? '').match(/\b(?:[A-Z]+[a-z]+){2,}\b|TQDMProgressBar/g) ?? [];
  expect(bold.length).toBeGreaterThan(10);
  expect(missing([...bold, ...others].filter((name) => name !== 'Others' && name !== 'Misconf'))).toEqual([]);
});
