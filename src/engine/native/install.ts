/**
 * `kelvin native install`: TensorFlow's libraries from PyPI's wheel, tfjs-node from npm, the addon compiled between
 * them and tried, all in a folder of its own that takes its place by one rename.
 */
import { existsSync, statfsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { BackendError, messageOf } from '../../core/errors.ts';
import { flag, parseOptions, text } from '../../core/options.ts';
import type { TensorFlowEngine } from '../tensorflow.ts';
import { buildAddon, LIBRARIES, wantedOfTensorFlow } from './build.ts';
import { type CheckResult, checkEngine } from './check.ts';
import { cudaFolders, cudaRequirements, wantedOfNvidia } from './cuda.ts';
import { fetchPackage, fetchWheel, givenWheel, requirementOf } from './fetch.ts';
import { besides, engineFolder, manifestOf, moveInto, nativeRoot, PLATFORM, sweep } from './layout.ts';
import { ANSWERED } from './load.ts';
import { TFJS_NODE, WHEELS } from './pins.ts';
import { findCompiler, findPip } from './tools.ts';
import { damaged, noSpace, sha256Of, unpackWheel } from './wheel.ts';

/** What to install and from where. */
export interface NativeInstallOptions {
  /** TensorFlow with CUDA, and NVIDIA's libraries. Default: the CPU's. */
  readonly gpu?: boolean | undefined;
  /** A wheel of `tensorflow-cpu` (or `tensorflow`) on this machine, in place of a download. */
  readonly wheel?: string | undefined;
  /** The Python whose pip downloads. Default: `python3`, else `python`. */
  readonly python?: string | undefined;
  /** Called with a line for each thing done. */
  readonly onStep?: ((line: string) => void) | undefined;
}

/** What was installed. */
export interface NativeInstall extends CheckResult {
  readonly engine: TensorFlowEngine;
  readonly folder: string;
}

const schema = z.strictObject({
  gpu: flag().optional(),
  wheel: text('a path').optional(),
  python: text().optional(),
  onStep: z.custom<(line: string) => void>((value) => typeof value === 'function').optional(),
});

/**
 * Builds native TensorFlow for this machine into the user's cache, or into `KELVIN_NATIVE_DIR`. An engine that was
 * there is replaced when the new one is whole and has been tried; otherwise nothing changes.
 *
 * @throws BackendError `native-unsupported-platform`, `native-no-pip`, `native-no-compiler`, `native-no-space`,
 *   `native-download`, `native-damaged-wheel`, `native-build`, `native-check`, `native-folder`
 *
 * @example
 * ```ts
 * const { tensorflow, folder } = await installNative({ onStep: console.log });
 * ```
 */
export async function installNative(options?: NativeInstallOptions): Promise<NativeInstall> {
  const { gpu = false, wheel, python, onStep = () => {} } = parseOptions('installNative', schema, options);
  const engine: TensorFlowEngine = gpu ? 'tensorflow-gpu' : 'tensorflow';
  checkPlatform();
  const compiler = await findCompiler();
  const pip = wheel === undefined || gpu ? await findPip(python) : undefined;
  const root = nativeRoot();
  const staging = besides(root, 'staging');
  try {
    await makeRoom(root, WHEELS[engine].space);
    await mkdir(staging);
    const result = await assemble({ engine, staging, compiler, pip, wheel, say: onStep });
    const folder = engineFolder(engine, root);
    moveInto(staging, folder, root);
    onStep(`installed in ${folder}`);
    return { engine, folder, ...result };
  } catch (error) {
    throw explained(error, root);
  } finally {
    if (existsSync(staging)) await rm(staging, { recursive: true, force: true });
  }
}

interface Work {
  readonly engine: TensorFlowEngine;
  readonly staging: string;
  readonly compiler: { command: string; version: string };
  readonly pip: readonly [string, ...string[]] | undefined;
  readonly wheel: string | undefined;
  readonly say: (line: string) => void;
}

async function assemble(work: Work): Promise<CheckResult> {
  const { engine, staging, compiler, say } = work;
  const { wheels, version, requires } = await takeTensorFlow(work);
  if (engine === 'tensorflow-gpu') Object.assign(wheels, await takeCuda(work, requires));
  const tfjsNode = join(staging, 'tfjs-node');
  await fetchPackage(TFJS_NODE, tfjsNode);
  say(`${TFJS_NODE.name} ${TFJS_NODE.version} from npm, checksum as pinned`);
  for (const name of ANSWERED) {
    const empty = join(tfjsNode, 'node_modules', name);
    await mkdir(empty, { recursive: true });
    await writeFile(join(empty, 'index.js'), 'module.exports = {};\n');
  }
  say(`compiling the addon with ${compiler.version}`);
  await buildAddon(staging, compiler.command, cudaFolders(staging));
  await rm(join(staging, 'tensorflow', 'include'), { recursive: true });
  await rm(join(staging, 'node-headers'), { recursive: true, force: true });
  const facts = { engine, tfjs: TFJS_NODE.version, tensorflow: version, wheels, compiler: compiler.version };
  await writeFile(join(staging, 'manifest.json'), `${JSON.stringify(manifestOf(facts), null, 2)}\n`);
  const result = checkEngine(staging);
  say(`TensorFlow ${result.tensorflow} multiplies and differentiates ${result.gpu ? 'on the GPU' : 'on the CPU'}`);
  if (engine === 'tensorflow-gpu' && !result.gpu) say('no GPU was found: it runs on the CPU until there is one');
  return result;
}

async function takeTensorFlow({ engine, staging, pip, wheel, say }: Work) {
  const pin = WHEELS[engine];
  const downloads = join(staging, 'wheels');
  if (wheel === undefined) say(`pip downloads ${requirementOf(pin)}`);
  const path =
    wheel === undefined
      ? await fetchWheel(pip as readonly [string, ...string[]], requirementOf(pin), pin.sha256, downloads)
      : givenWheel(wheel);
  const sha256 = await sha256Of(path);
  const facts = await unpackWheel(path, staging, wantedOfTensorFlow);
  for (const library of LIBRARIES)
    if (!existsSync(join(staging, 'tensorflow', library))) throw damaged(path, `it has no ${library}`);
  await rm(downloads, { recursive: true, force: true });
  say(
    `${basename(path)}: sha256 ${sha256}${sha256 === pin.sha256 ? ', as pinned' : ''}; ${facts.files} files, as its RECORD says`,
  );
  return { ...facts, wheels: { [basename(path)]: sha256 } };
}

async function takeCuda({ staging, pip, say }: Work, requires: readonly string[]): Promise<Record<string, string>> {
  const wheels: Record<string, string> = {};
  for (const requirement of cudaRequirements(requires)) {
    const downloads = join(staging, 'wheels');
    const path = await fetchWheel(pip as readonly [string, ...string[]], requirement, undefined, downloads);
    wheels[basename(path)] = await sha256Of(path);
    const { files } = await unpackWheel(path, staging, wantedOfNvidia);
    await rm(downloads, { recursive: true, force: true });
    say(`${basename(path)}: ${files} files`);
  }
  return wheels;
}

function checkPlatform(): void {
  const header = (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined)?.header;
  if (PLATFORM === 'linux-x64' && header?.glibcVersionRuntime !== undefined) return;
  const here = PLATFORM === 'linux-x64' ? 'linux-x64 without glibc' : PLATFORM;
  throw new BackendError('native TensorFlow is built here for Linux on x86-64 with glibc only', {
    code: 'native-unsupported-platform',
    got: here,
    help: 'npm install @tensorflow/tfjs-node, where it has a binary for this platform; otherwise the embedded engine runs',
  });
}

async function makeRoom(root: string, space: number): Promise<void> {
  await mkdir(root, { recursive: true });
  sweep(root);
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < space)
    throw noSpace(`${root}: ${gigabytes(space)} are needed, ${gigabytes(bavail * bsize)} are free`);
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

function explained(error: unknown, root: string): unknown {
  if (error instanceof BackendError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return noSpace(root, error);
  if (code === undefined) return error;
  return new BackendError(`${root} cannot be written: ${messageOf(error)}`, {
    code: 'native-folder',
    help: 'set KELVIN_NATIVE_DIR to a folder that can',
    cause: error,
  });
}
