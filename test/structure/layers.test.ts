/** Keeps the house in order: who may import whom, where tfjs comes from, how long a file may be. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');

/** A folder may import from itself and from folders of lower layers. */
const LAYERS: Readonly<Record<string, number>> = {
  core: 0,
  engine: 1,
  data: 1,
  optim: 1,
  losses: 1,
  metrics: 1,
  loggers: 2,
  profilers: 2,
  checkpoint: 2,
  module: 2,
  callbacks: 2,
  trainer: 3,
  distillation: 3,
  cli: 4,
  examples: 4,
};

const LONGEST_FILE = 300;

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(src, name));

const imports: readonly Import[] = files.flatMap((file) => {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => ({
    from: relative(src, file),
    to: fileName.startsWith('.') ? relative(src, join(dirname(file), fileName)) : fileName,
  }));
});

const folderOf = (path: string): string => path.split(/[\\/]/)[0] as string;
const isOurs = ({ to }: Import): boolean => to.endsWith('.ts') && !to.startsWith('@');
const text = ({ from, to }: Import): string => `${from} -> ${to}`;

describe('layers', () => {
  test('every folder has a layer', () => {
    const folders = new Set(files.map((file) => folderOf(relative(src, file))));
    folders.delete('index.ts');
    expect([...folders].sort()).toEqual(Object.keys(LAYERS).sort());
  });

  test('files import from their own folder and from lower layers only', () => {
    const breaches = imports.filter(isOurs).filter(({ from, to }) => {
      const [own, other] = [folderOf(from), folderOf(to)];
      if (own === 'index.ts' || own === other) return false;
      return !((LAYERS[other] ?? 99) < (LAYERS[own] as number));
    });
    expect(breaches.map(text)).toEqual([]);
  });

  test('tfjs is taken from core/tf.ts; only it, its two helpers and the engines name the packages', () => {
    const strangers = imports
      .filter(({ to }) => to.startsWith('@tensorflow/'))
      .filter(
        ({ from }) =>
          folderOf(from) !== 'engine' && !['core/tf.ts', 'core/chained-ops.ts', 'core/cpu-cast.ts'].includes(from),
      );
    expect(strangers.map(text)).toEqual([]);
  });

  test('examples use the package as its users do', () => {
    const insiders = imports
      .filter(({ from }) => folderOf(from) === 'examples')
      .filter(({ from, to }) => {
        const own =
          isOurs({ from, to }) && to.split(/[\\/]/).slice(0, 2).join() === from.split(/[\\/]/).slice(0, 2).join();
        // sharp is what a user installs to have images decoded, and an example may draw some with it.
        const installed = to === 'kelvin' || to.startsWith('kelvin/') || to === 'sharp';
        return !own && !installed && !to.startsWith('node:');
      });
    expect(insiders.map(text)).toEqual([]);
  });
});

test('no file is too long, and each says in its first lines what it is for', () => {
  const long: string[] = [];
  const silent: string[] = [];
  for (const file of files) {
    const content = readFileSync(file, 'utf8');
    const lines = content.split('\n').length - 1;
    if (lines > LONGEST_FILE) long.push(`${relative(src, file)}: ${lines} lines`);
    if (!/^(#!.*\n)?\/\*\*/.test(content)) silent.push(relative(src, file));
  }
  expect(long).toEqual([]);
  expect(silent).toEqual([]);
});
