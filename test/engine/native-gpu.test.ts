/** `kelvin native install --gpu` as far as a machine without a GPU can go: which wheels it asks for, and what it takes of them. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeStatus, removeNative } from 'kelvin/engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cudaFolders, cudaRequirements, wantedOfNvidia } from '../../src/engine/native/cuda.ts';
import { TENSORFLOW, WHEELS } from '../../src/engine/native/pins.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { enterNativeFolder, failure, leaveNativeFolder, recordOf, shellProgram, writeWheel } from './native-support.ts';

assertFileLeaksNothing();

let directory: string;
let root: string;
beforeEach(() => {
  ({ directory, root } = enterNativeFolder());
  process.env.CXX = program('compiler', 'echo a compiler');
  process.env.npm_execpath = join(directory, 'npm-cli.js');
  writeFileSync(process.env.npm_execpath, "process.stderr.write('no npm here'); process.exit(1);\n");
});
afterEach(() => leaveNativeFolder(directory));

const program = (name: string, ...lines: readonly string[]) => shellProgram(join(directory, name), lines);

/** A wheel of these files in the folder from which the stand-in for pip serves; `spoilt`: RECORD says otherwise. */
function serve(project: string, files: Record<string, string>, { requires = [] as string[], spoilt = false } = {}) {
  const said = Object.entries(files).map(([name, text]) => [name, spoilt ? text.replace(/.$/, '!') : text]);
  const metadata = ['Name: x', 'Version: 9.8.7', ...requires.map((line) => `Requires-Dist: ${line}`)];
  mkdirSync(join(directory, 'index'), { recursive: true });
  const path = join(directory, 'index', `${project}.whl`);
  writeWheel(path, files, recordOf(Object.fromEntries(said)), `${metadata.join('\n')}\n`);
  return path;
}

/** A stand-in for pip that serves the wheels above, and notes what it was asked for. */
function pip(): { python: string; asked: () => string[] } {
  const log = join(directory, 'asked');
  const python = program(
    'python',
    '[ "$3" = --version ] && exit 0',
    'for last in "$@"; do case "$last" in --dest=*) dest=$(echo "$last" | cut -c8-);; esac; done',
    `cat "$last" >> '${log}'`,
    `name=$(sed 's/[<>=!].*//' "$last")`,
    `[ -f '${directory}/index/'"$name.whl" ] || { echo "no $name in the index" >&2; exit 1; }`,
    `cp '${directory}/index/'"$name.whl" "$dest/$name-9.8.7-py3-none-any.whl"`,
  );
  return { python, asked: () => readFileSync(log, 'utf8').trim().split('\n') };
}

const TENSORFLOW_FILES = {
  'tensorflow/libtensorflow_cc.so.2': 'one',
  'tensorflow/libtensorflow_framework.so.2': 'two',
};
const REQUIRES = [
  'numpy>=1.26',
  'nvidia-cublas-cu12<13.0,>=12.5; extra == "and-cuda"',
  "nvidia-cudnn-cu12<10.0,>=9.3 ; extra == 'and-cuda'",
  'tensorboard; extra == "other"',
];
const CUBLAS = { 'nvidia/cublas/lib/libcublas.so.12': 'blas', 'nvidia/cublas/include/cublas.h': 'header' };

const linux = process.platform === 'linux' && process.arch === 'x64';
/** The install wants as much space free as the real wheels take. */
const roomy =
  linux && Number(statfsSync(tmpdir()).bavail) * statfsSync(tmpdir()).bsize > WHEELS['tensorflow-gpu'].space;

describe.skipIf(!roomy)(`an install for GPUs${roomy ? '' : ' (skipped: Linux on x86-64 with 9 GB free)'}`, () => {
  it("asks pip for TensorFlow's whole wheel, then for each NVIDIA wheel that it requires; and leaves nothing when npm fails", async () => {
    serve('tensorflow', TENSORFLOW_FILES, { requires: REQUIRES });
    serve('nvidia-cublas-cu12', CUBLAS);
    serve('nvidia-cudnn-cu12', { 'nvidia/cudnn/lib/libcudnn.so.9': 'dnn', 'nvidia/cudnn/bin/tool': 'tool' });
    const { python, asked } = pip();
    const steps: string[] = [];
    const error = await failure({ gpu: true, python, onStep: (line) => steps.push(line) });
    expect(asked()).toEqual([
      `tensorflow==${TENSORFLOW}`,
      'nvidia-cublas-cu12<13.0,>=12.5',
      'nvidia-cudnn-cu12<10.0,>=9.3',
    ]);
    expect(steps[0]).toBe(`pip downloads tensorflow==${TENSORFLOW}`);
    expect(steps[1]).toMatch(
      /^tensorflow-9\.8\.7-py3-none-any\.whl: sha256 [0-9a-f]{64}; 2 files, as its RECORD says$/,
    );
    expect(steps.slice(2)).toEqual([
      'nvidia-cublas-cu12-9.8.7-py3-none-any.whl: 1 files',
      'nvidia-cudnn-cu12-9.8.7-py3-none-any.whl: 2 files',
    ]);
    expect([error.code, error.message]).toEqual(['native-download', expect.stringContaining('no npm here')]);
    expect([readdirSync(root), nativeStatus()]).toEqual([[], []]);
  });

  it('takes TensorFlow from a file that is given, and the NVIDIA wheels from pip all the same', async () => {
    const wheel = serve('mine', TENSORFLOW_FILES, { requires: REQUIRES.slice(0, 2) });
    serve('nvidia-cublas-cu12', CUBLAS);
    const { python, asked } = pip();
    expect((await failure({ gpu: true, wheel, python })).message).toContain('no npm here');
    expect(asked()).toEqual(['nvidia-cublas-cu12<13.0,>=12.5']);
    expect((await failure({ gpu: true, wheel, python: program('none', 'exit 1') })).code).toBe('native-no-pip');
  });

  it('names the NVIDIA wheel that cannot be had, and the one that is damaged', async () => {
    serve('tensorflow', TENSORFLOW_FILES, { requires: REQUIRES });
    serve('nvidia-cublas-cu12', CUBLAS, { spoilt: true });
    const { python } = pip();
    const spoilt = await failure({ gpu: true, python });
    expect([spoilt.code, spoilt.message]).toEqual([
      'native-damaged-wheel',
      expect.stringMatching(/nvidia-cublas-cu12.*libcublas\.so\.12 has a wrong checksum/),
    ]);
    serve('nvidia-cublas-cu12', CUBLAS);
    const absent = await failure({ gpu: true, python });
    expect([absent.code, absent.message]).toEqual([
      'native-download',
      expect.stringMatching(/could not fetch nvidia-cudnn-cu12<10\.0,>=9\.3:\nno nvidia-cudnn-cu12 in the index/),
    ]);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('of the NVIDIA wheels', () => {
  it('libraries, tools and device code are taken, headers and static libraries left', () => {
    const taken = [
      'nvidia/cudnn/lib/libcudnn.so.9',
      'nvidia/cuda_nvcc/bin/ptxas',
      'nvidia/cuda_nvcc/nvvm/libdevice/x.bc',
    ];
    const left = [
      'nvidia/cudnn/include/cudnn.h',
      'nvidia/cudnn/lib/libcudnn.a',
      'nvidia/__init__.py',
      'other/lib/x.so',
    ];
    expect([...taken, ...left].map(wantedOfNvidia)).toEqual([...taken, ...left.map(() => undefined)]);
    expect(cudaRequirements(REQUIRES)).toHaveLength(2);
  });

  it('the addon is told the folders with libraries, and programs can be run', () => {
    const path = (name: string) => join(root, 'nvidia', name);
    for (const name of ['cudnn/lib/libcudnn.so.9', 'cuda_nvcc/bin/ptxas', 'cuda_nvcc/nvvm/bin/cicc']) {
      mkdirSync(join(path(name), '..'), { recursive: true });
      writeFileSync(path(name), 'x');
    }
    expect(cudaFolders(root)).toEqual(['nvidia/cudnn/lib']);
    for (const name of ['cuda_nvcc/bin/ptxas', 'cuda_nvcc/nvvm/bin/cicc'])
      expect(statSync(path(name)).mode & 0o111).toBe(0o111);
    expect(cudaFolders(directory)).toEqual([]);
  });
});

describe('an engine for GPUs in the cache', () => {
  it('is listed beside the one for CPUs, with its wheels, and removed with it', () => {
    for (const engine of ['tensorflow', 'tensorflow-gpu']) {
      mkdirSync(join(root, engine, 'tensorflow'), { recursive: true });
      writeFileSync(join(root, engine, 'tensorflow', 'tfjs_binding.node'), '');
      const facts = { layout: 1, engine, tfjs: '4.22.0', tensorflow: TENSORFLOW, compiler: 'a compiler' };
      const manifest = {
        ...facts,
        platform: `${process.platform}-${process.arch}`,
        wheels: { [`${engine}.whl`]: 'sum' },
      };
      writeFileSync(join(root, engine, 'manifest.json'), JSON.stringify(manifest));
    }
    expect(
      nativeStatus().map(({ engine, reason, manifest }) => [engine, reason, Object.keys(manifest?.wheels ?? {})]),
    ).toEqual([
      ['tensorflow', undefined, ['tensorflow.whl']],
      ['tensorflow-gpu', undefined, ['tensorflow-gpu.whl']],
    ]);
    expect(removeNative()).toHaveLength(2);
    expect(existsSync(join(root, 'tensorflow-gpu'))).toBe(false);
  });

  it('that does not load fails its check with the reason, in a process of its own', () => {
    const check = new URL('../../src/engine/native/check.ts', import.meta.url).pathname;
    mkdirSync(join(directory, 'broken'), { recursive: true });
    writeFileSync(join(directory, 'broken', 'manifest.json'), '{"layout":1,"tfjs":"4.22.0"}');
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', check, join(directory, 'broken')], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([1, expect.stringContaining('was built for undefined')]);
  });
});
