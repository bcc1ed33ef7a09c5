/** Every TypeScript example in the README and in docs/ compiles against the sources, as strictly as a user would have it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const snippets = new Map<string, string>();
for (const page of pages) {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/```ts(?: run)?\n([\s\S]*?)```/g);
  [...blocks].forEach((block, i) => {
    snippets.set(join(root, 'docs', `${page.replaceAll('/', '_')}-${i + 1}.ts`), block[1] as string);
  });
}

test('the examples of the documentation compile', () => {
  expect(snippets.size).toBeGreaterThan(5);
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    types: ['node'],
    paths: {
      kelvin: [join(root, 'src/index.ts')],
      'kelvin/*': [join(root, 'src/*/index.ts')],
      'tensorboard-logger-ts': [join(root, 'packages/tensorboard-logger-ts/src/index.ts')],
    },
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => snippets.has(name) || fileExists(name);
  host.readFile = (name) => snippets.get(name) ?? readFile(name);
  host.getSourceFile = (name, language, ...rest) => {
    const code = snippets.get(name);
    return code === undefined ? getSourceFile(name, language, ...rest) : ts.createSourceFile(name, code, language);
  };
  const program = ts.createProgram([...snippets.keys()], options, host);
  const problems = [...snippets.keys()].flatMap((name) => {
    const file = program.getSourceFile(name) as ts.SourceFile;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
      const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
      return `${name.slice(join(root, 'docs').length + 1)}:${line + 1} ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
    });
  });
  expect(problems).toEqual([]);
});
