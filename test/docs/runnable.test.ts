/** The examples of the documentation that are marked `ts run` are run, each as a program of its own. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tf } from 'kelvin';
import { afterAll, expect, test } from 'vitest';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const directory = join(docs, '.run');
mkdirSync(directory, { recursive: true });
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const programs = readdirSync(docs)
  .filter((name) => name.endsWith('.md'))
  .flatMap((page) => {
    const text = readFileSync(join(docs, page), 'utf8');
    return [...text.matchAll(/```ts run\n([\s\S]*?)```/g)].map((block) => {
      const heading =
        text
          .slice(0, block.index)
          .match(/^#+ .*$/gm)
          ?.at(-1) ?? '';
      return { name: `${page} ${heading}`, code: (block[1] as string).replaceAll("'./line.ts'", "'../line.ts'") };
    });
  });

test('there are some', () => {
  expect(programs.length).toBeGreaterThan(25);
});

test.for(programs.map(({ name, code }, i) => [name, code, i] as const))('%s', async ([, code, i]) => {
  const file = join(directory, `${i}.ts`);
  writeFileSync(file, code);
  tf.engine().startScope(); // what a program leaves to the end of its process
  try {
    await import(pathToFileURL(file).href);
  } finally {
    tf.engine().endScope();
  }
});
