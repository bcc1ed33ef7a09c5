/**
 * Compiles tfjs-node's addon, with operations of Kelvin's, against the TensorFlow that came in the wheel; and Kelvin's own
 * addon for small steps.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BackendError } from '../../core/errors.ts';
import { CONFIG_FILE } from '../compile/tensorflow/session-config.ts';
import { fetchPackage } from './fetch.ts';
import { addonOf, stepsAddonOf } from './layout.ts';
import { NODE_HEADERS } from './pins.ts';
import { runProgram } from './tools.ts';

/** What of a wheel is needed to compile: TensorFlow's C API, and what its headers and Kelvin's operations include. */
const HEADERS = [
  'absl/',
  'tensorflow/c/',
  'tensorflow/core/common_runtime/next_pluggable_device/c/',
  'tensorflow/core/platform/ctstring',
  'tsl/platform/ctstring',
  'tsl/platform/platform.h',
  'xla/tsl/c/',
];
const INCLUDE = 'tensorflow/include/';

/** TensorFlow's two libraries, in the wheel and in an engine's folder. */
export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** Which files of TensorFlow's wheel are needed, and where they go in the folder. */
export function wantedOfTensorFlow(name: string): string | undefined {
  if (LIBRARIES.some((library) => name === `tensorflow/${library}`)) return name;
  if (!name.startsWith(INCLUDE)) return undefined;
  return HEADERS.some((prefix) => name.startsWith(INCLUDE + prefix)) ? name : undefined;
}

/** Kelvin's sources, in the repository and in the package. */
const NATIVE = fileURLToPath(new URL('../../../native/', import.meta.url));

/** A library of its own beside TensorFlow's. */
const LOG_LIBRARY = 'libkelvin_log_level.so';

/** What is compiled of every addon. */
const ADDON = ['-std=c++17', '-fPIC', '-shared', '-DNAPI_VERSION=8'];

/**
 * Compiles the addons into the engine's folder, where wheel and tfjs-node have been unpacked.
 *
 * @param further folders of libraries that TensorFlow opens by itself, as CUDA's, relative to the engine's folder
 * @throws BackendError `native-build`, `native-download`
 */
export async function buildAddon(folder: string, compiler: string, further: readonly string[] = []): Promise<void> {
  const libraries = join(folder, 'tensorflow');
  const sources = join(folder, 'tfjs-node', 'binding');
  await configureSessions(join(sources, 'tfjs_backend.cc'));
  const headers = await nodeHeaders(folder);
  const common = ['-O2', ...ADDON, `-I${headers}`, `-I${join(folder, INCLUDE)}`];
  await compile(compiler, [...common, join(NATIVE, 'log-level.cc'), '-o', join(libraries, LOG_LIBRARY)]);
  const linked = [...LIBRARIES, LOG_LIBRARY].map((library) => `-l:${library}`);
  await compile(compiler, [
    ...common,
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(sources, name)),
    ...operations(),
    ...['-o', addonOf(folder), `-L${libraries}`, '-Wl,--no-as-needed', ...linked],
    // As DT_RPATH: that is also searched for what TensorFlow opens later, which DT_RUNPATH is not.
    '-Wl,--disable-new-dtags',
    ...['$ORIGIN', ...further.map((path) => `$ORIGIN/../${path}`)].map((path) => `-Wl,-rpath,${path}`),
  ]);
  await buildSteps(stepsAddonOf(folder), compiler, headers);
}

/** Kelvin's own addon, which runs small steps. The two options let loops over roots and choices become vector instructions. */
async function buildSteps(addon: string, compiler: string, headers: string): Promise<void> {
  const exact = ['-fno-math-errno', '-fno-trapping-math'];
  await compile(compiler, ['-O3', ...exact, ...ADDON, `-I${headers}`, join(NATIVE, 'steps.cc'), '-o', addon]);
}

/** Kelvin's operations of TensorFlow. */
function operations(): string[] {
  const folder = join(NATIVE, 'operations');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(folder, name));
}

async function compile(compiler: string, args: readonly string[]): Promise<void> {
  const { status, err } = await runProgram(compiler, args);
  if (status === 0) return;
  throw new BackendError(`${compiler} could not compile the addon:\n${err}\n`, {
    code: 'native-build',
    help: 'try another compiler by the environment variable CXX (GCC 9 or later is known to do)',
  });
}

/** Where tfjs-node loads a SavedModel, and what is added there. */
const LOADED =
  '  TF_Graph *graph = TF_NewGraph();\n\n  TF_Buffer *metagraph = TF_NewBuffer();\n\n  TF_AutoStatus tf_status;\n';
const CONFIGURED = `
  // A session is configured by a serialized ConfigProto beside its model.
  std::ifstream config_file(export_dir_string + "/${CONFIG_FILE}", std::ios::binary);
  if (config_file) {
    std::stringstream config;
    config << config_file.rdbuf();
    TF_SetConfig(session_options, config.str().data(), config.str().size(), tf_status.status);
  }
`;

/** Has the addon look for a session's configuration, which tfjs-node has no way to give. */
async function configureSessions(path: string): Promise<void> {
  const source = await readFile(path, 'utf8');
  if (source.split(LOADED).length !== 2)
    throw new BackendError("tfjs-node's sources are not those that Kelvin knows", { code: 'native-build' });
  const includes = '#include <fstream>\n#include <sstream>\n';
  await writeFile(path, includes + source.replace(LOADED, LOADED + CONFIGURED));
}

/** Node's own headers, or npm's copy of them for a Node that came without. */
async function nodeHeaders(folder: string): Promise<string> {
  const places = [
    join(dirname(process.execPath), '..', 'include', 'node'),
    '/usr/include/node',
    '/usr/include/nodejs/src',
  ];
  const found = places.map((place) => resolve(place)).find((place) => existsSync(join(place, 'node_api.h')));
  if (found !== undefined) return found;
  const fetched = join(folder, 'node-headers');
  await fetchPackage(NODE_HEADERS, fetched);
  return join(fetched, 'include');
}
