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

/**
 * The same module for memory that threads share. What the compiler gives for `--sharedMemory --maximumMemory 65536` differs
 * in nothing but the limits of the imported memory, so there is no need to compile twice.
 */
function forSharedMemory(binary) {
  const section = Buffer.from('\x02\x0f\x01\x03env\x06memory\x02\x00\x00', 'latin1');
  const at = binary.indexOf(section);
  if (at < 0) throw new Error('the module imports something else than env.memory');
  const shared = Buffer.from('\x02\x12\x01\x03env\x06memory\x02\x03\x00\x80\x80\x04', 'latin1');
  return Buffer.concat([binary.subarray(0, at), shared, binary.subarray(at + section.length)]);
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
  for (const [name, flags] of Object.entries(VARIANTS)) {
    const binary = await compile(flags);
    entries.push(`  ${name}: '${binary.toString('base64')}',`);
    entries.push(`  ${name}Shared: '${forSharedMemory(binary).toString('base64')}',`);
  }
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
