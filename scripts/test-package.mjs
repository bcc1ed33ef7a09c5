/**
 * Tries the package as a stranger would: packs it, installs the tarball into an empty project, and runs the README's
 * first example there as TypeScript and as JavaScript, with the compiler's strict defaults. `npm run test:package`
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'kelvin-package-'));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const run = (command, args, cwd = project) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const done = (what) => process.stdout.write(`ok  ${what}\n`);

function firstExample() {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
  if (code === undefined) throw new Error('README.md has no ```ts example');
  return code;
}

function checkAccuracy(output, language) {
  const accuracy = Number(/validation accuracy ([\d.]+)/.exec(output)?.[1]);
  if (!(accuracy > 0.8)) throw new Error(`the example as ${language} reached ${accuracy}: ${output}`);
  done(`the README's example runs as ${language}: validation accuracy ${accuracy}`);
}

try {
  for (const directory of [root, join(root, 'packages/tensorboard-logger-ts')]) {
    const { messages, pkg } = await publint({ pkgDir: directory, strict: true });
    if (messages.length > 0) throw new Error(messages.map((message) => formatMessage(message, pkg)).join('\n'));
    done(`publint finds nothing wrong with ${pkg.name}`);
  }
  const [{ filename, size, unpackedSize }] = JSON.parse(
    run(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', project], root),
  );
  done(`packed: ${(size / 1024).toFixed(0)} kB, ${(unpackedSize / 1024).toFixed(0)} kB unpacked`);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  run(npm, ['install', '--no-audit', '--no-fund', filename, `typescript@${ts.version}`, `@types/node@20`]);
  done('installs into an empty project');
  const code = firstExample();
  writeFileSync(join(project, 'example.ts'), code);
  writeFileSync(
    join(project, 'chained.ts'),
    "import { tf } from 'kelvin';\nexport const y: tf.Tensor = tf.ones([2]).add(1);\n",
  );
  const compiler = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    outDir: 'out',
    skipLibCheck: true,
    types: ['node'],
  };
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: compiler, include: ['example.ts', 'chained.ts'] }),
  );
  run(process.execPath, ['node_modules/typescript/bin/tsc']);
  done('its types hold under strict');
  checkAccuracy(run(process.execPath, ['out/example.js']), 'TypeScript');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: false };
  writeFileSync(join(project, 'example.mjs'), ts.transpileModule(code, { compilerOptions: options }).outputText);
  checkAccuracy(run(process.execPath, ['example.mjs']), 'JavaScript');
  const help = run(process.execPath, ['node_modules/kelvin/dist/cli/main.js', '--help']);
  if (!help.includes('distill')) throw new Error(`kelvin --help says: ${help}`);
  done('the command `kelvin` is there');
} catch (error) {
  process.stderr.write(`${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}\n`);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}
