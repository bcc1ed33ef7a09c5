/** Installing the native engine: wheels that are damaged, tools that are missing, installs that are cut short. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackendError, describeEngines } from 'kelvin';
import { installNative, nativeStatus, removeNative } from 'kelvin/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cudaRequirements } from '../../src/engine/native/cuda.ts';
import { sweep } from '../../src/engine/native/layout.ts';
import { unpackWheel } from '../../src/engine/native/wheel.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { enterNativeFolder, failure, leaveNativeFolder, recordOf, shellProgram, writeWheel } from './native-support.ts';

assertFileLeaksNothing();

let directory: string;
let root: string;
beforeEach(() => {
  ({ directory, root } = enterNativeFolder());
});
afterEach(() => leaveNativeFolder(directory));

/** A wheel of these files, with the RECORD that belongs to them or another. */
function wheelOf(files: Record<string, string>, record?: Record<string, string>): string {
  const path = join(directory, 'x-1-cp311-cp311-any.whl');
  const lines = `${recordOf(record ?? files)}x-1.dist-info/RECORD,,\n`;
  writeWheel(path, files, lines, 'Name: x\nVersion: 1.2.3\nRequires-Dist: numpy\n\nText\n');
  return path;
}

const program = (name: string, ...lines: readonly string[]) => shellProgram(join(directory, name), lines);

const linux = process.platform === 'linux' && process.arch === 'x64';
const hasCompiler = spawnSync('g++', ['--version']).status === 0;

describe('a wheel', () => {
  const everything = (name: string) => name;

  it('gives the files that are asked for, and what it says of itself', async () => {
    const wheel = wheelOf({ 'a/one.txt': 'one', 'a/two.txt': 'two'.repeat(100_000), 'b/three.txt': 'three' });
    const facts = await unpackWheel(wheel, root, (name) => (name.startsWith('a/') ? `out/${name}` : undefined));
    expect(facts).toEqual({ version: '1.2.3', requires: ['numpy'], files: 2 });
    expect(readFileSync(join(root, 'out/a/two.txt'), 'utf8')).toBe('two'.repeat(100_000));
    expect(readdirSync(root)).toEqual(['out']);
  });

  it.each([
    ['has another checksum than RECORD', () => wheelOf({ a: 'one' }, { a: 'two' }), /a has a wrong checksum/],
    ['is not in RECORD', () => wheelOf({ a: 'one' }, {}), /a is not in its RECORD/],
    ['points outside', () => wheelOf({ '../a': 'one' }), /points outside/],
    [
      'is cut off',
      () => {
        const path = wheelOf({ a: 'one' });
        writeFileSync(path, readFileSync(path).subarray(0, 100));
        return path;
      },
      /not a zip file, or cut off/,
    ],
  ])('is refused when a file %s', async (_, make, reason) => {
    const error = await unpackWheel(make(), root, (name) =>
      name.includes('dist-info') ? undefined : everything(name),
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BackendError);
    expect((error as BackendError).code).toBe('native-damaged-wheel');
    expect((error as BackendError).message).toMatch(reason);
  });

  it('of TensorFlow names the wheels of CUDA', () => {
    const lines = ['numpy>=1.26', 'nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"', 'x; extra == "other"'];
    expect(cudaRequirements(lines)).toEqual(['nvidia-cudnn-cu12<10.0,>=9.3.0.75']);
  });
});

describe.skipIf(!linux)('an install that cannot be finished says why and leaves nothing', () => {
  it('without a compiler', async () => {
    process.env.CXX = join(directory, 'no-such-compiler');
    expect((await failure({ wheel: wheelOf({}) })).code).toBe('native-no-compiler');
    expect(existsSync(root)).toBe(false);
  });

  it.skipIf(!hasCompiler)('without pip', async () => {
    const error = await failure({ python: program('python', 'exit 1') });
    expect(error.code).toBe('native-no-pip');
    expect(error.help).toContain('--wheel');
  });

  it.skipIf(!hasCompiler)('when pip cannot fetch the wheel', async () => {
    const python = program('python', '[ "$3" = --version ] && exit 0', 'echo no such host >&2', 'exit 1');
    const error = await failure({ python });
    expect([error.code, error.message]).toEqual(['native-download', expect.stringContaining('no such host')]);
    expect(readdirSync(root)).toEqual([]);
  });

  it.skipIf(!hasCompiler)('when the wheel is missing, damaged, or not TensorFlow', async () => {
    expect((await failure({ wheel: join(directory, 'none.whl') })).code).toBe('native-download');
    const broken = wheelOf(
      { 'tensorflow/libtensorflow_cc.so.2': 'one' },
      { 'tensorflow/libtensorflow_cc.so.2': 'two' },
    );
    expect((await failure({ wheel: broken })).code).toBe('native-damaged-wheel');
    expect((await failure({ wheel: wheelOf({ a: 'one' }) })).message).toContain('it has no libtensorflow_cc.so.2');
    expect(readdirSync(root)).toEqual([]);
  });

  it.skipIf(!hasCompiler)('when the folder cannot be made', async () => {
    writeFileSync(root, 'a file');
    expect((await failure({ wheel: wheelOf({}) })).code).toBe('native-folder');
  });

  it('when an option is unknown', async () => {
    await expect(installNative({ wheels: 'x' } as object)).rejects.toThrow('did you mean `wheel`?');
  });
});

describe('what is in the cache', () => {
  const put = (manifest: string) => {
    mkdirSync(join(root, 'tensorflow'), { recursive: true });
    writeFileSync(join(root, 'tensorflow', 'manifest.json'), manifest);
  };

  it.each([
    ['{', /holds no readable manifest/],
    ['{"layout":0}', /another version of Kelvin/],
    ['{"layout":1,"tfjs":"4.0.0"}', /holds tfjs-node 4\.0\.0, and this is tfjs 4\.22\.0/],
    ['{"layout":1,"tfjs":"4.22.0","platform":"sun-sparc"}', /was built for sun-sparc/],
    [`{"layout":1,"tfjs":"4.22.0","platform":"${process.platform}-${process.arch}"}`, /lacks its addon/],
  ])('%s cannot be used, with a reason', (manifest, reason) => {
    put(manifest);
    expect(nativeStatus()).toMatchObject([
      { engine: 'tensorflow', manifest: undefined, reason: expect.stringMatching(reason) },
    ]);
  });

  it('is removed, and then there is nothing', () => {
    put('{}');
    expect(removeNative()).toHaveLength(1);
    expect([nativeStatus(), readdirSync(root)]).toEqual([[], []]);
  });

  it('is swept of installs that were killed, not of those that run', async () => {
    const child = spawn('sleep', ['100']);
    const dead = join(root, `.staging-${child.pid}-x`);
    const alive = join(root, `.staging-${process.pid}-x`);
    for (const path of [dead, alive]) mkdirSync(path, { recursive: true });
    sweep(root);
    expect(existsSync(dead)).toBe(true);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    sweep(root);
    expect([existsSync(dead), existsSync(alive)]).toEqual([false, true]);
  });

  it('is the reason that `kelvin devices` gives when it cannot be used', async () => {
    put('{"layout":0}');
    const report = (await describeEngines()).find(({ name }) => name === 'tensorflow');
    expect(report).toMatchObject({ available: false, remedy: 'kelvin native install' });
    expect(report?.reason).toContain('another version of Kelvin');
  });
});
