/**
 * Compiles companion/ (AssemblyScript) and writes the binaries, as base64, to src/engine/wasm/companion/binaries.ts.
 * `--check` writes nothing and fails when the file is not what the sources give.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'src/engine/wasm/companion/binaries.ts');

const COMMON = [
  'index.ts --outFile out.wasm --runtime stub --noAssert --use abort= --disableWarning 112',
  '--importMemory --noExportMemory --optimizeLevel 3 --shrinkLevel 0 --converge --enable simd',
].join(' ');
const VARIANTS = { simd: '', relaxed: '--enable relaxed-simd' };

async function compile(flags) {
  let binary;
  const { error, stderr } = await asc.main(`${COMMON} ${flags}`.trim().split(' '), {
    readFile: (name) => read(join(root, 'companion', name)),
    writeFile: (_, contents) => {
      binary = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return Buffer.from(binary);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** The text of binaries.ts for the sources as they are. */
export async function binariesFromSource() {
  const entries = [];
  for (const [name, flags] of Object.entries(VARIANTS))
    entries.push(`  ${name}: '${(await compile(flags)).toString('base64')}',`);
  return [
    '/** The companion module, built from companion/ by `npm run build:companion`: never edit this file. */',
    'export const BINARIES = {',
    ...entries,
    '} as const;',
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await binariesFromSource();
  if (process.argv.includes('--check')) {
    if (readFileSync(target, 'utf8') !== text) {
      process.stderr.write('binaries.ts is not what companion/ gives: run npm run build:companion\n');
      process.exitCode = 1;
    }
  } else writeFileSync(target, text);
}
