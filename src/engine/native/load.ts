/**
 * Loads a native engine from the cache: tfjs-node's own JavaScript around the addon that was built here, with the one
 * tfjs-core that Kelvin and the user share.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tf from '../../core/tf.ts';
import { offerSteps, type StepsAddon } from '../compile/small/addon.ts';
import { addonOf, type NativeManifest, stepsAddonOf } from './layout.ts';

/** The packages that tfjs-node asks for, which are answered with Kelvin's `tf`. The folder holds an empty one of each. */
export const ANSWERED = ['@tensorflow/tfjs', '@tensorflow/tfjs-core'] as const;

/** Loaded by tfjs-node for `tf.node.summaryFileWriter` and saved models only; it needs google-protobuf. */
const LEFT_OUT = './dist/proto/api_pb.js';

interface TfjsNodeParts {
  readonly NodeJSKernelBackend: new (binding: unknown, packageName: string) => tf.KernelBackend;
  readonly nodeFileSystemRouter: Parameters<typeof tf.io.registerLoadRouter>[0];
}

/**
 * Registers the backend `tensorflow`; starts nothing. Returns what a program that imports tfjs-node would see of it.
 *
 * @throws Error whatever loading the addon throws
 */
export function loadNative(folder: string, { engine, tfjs }: NativeManifest): unknown {
  const require = createRequire(join(folder, 'tfjs-node', 'package.json'));
  for (const name of ANSWERED) answer(require, name, tf);
  answer(require, LEFT_OUT, {});
  const binding: unknown = require(addonOf(folder));
  const steps = stepsAddonOf(folder); // an engine that an earlier Kelvin has built has none
  if (engine === 'tensorflow' && existsSync(steps)) offerSteps(require(steps) as StepsAddon);
  require('./dist/register_all_kernels.js');
  const { NodeJSKernelBackend } = require('./dist/nodejs_kernel_backend.js') as TfjsNodeParts;
  const { nodeFileSystemRouter } = require('./dist/io/file_system.js') as TfjsNodeParts;
  tf.io.registerLoadRouter(nodeFileSystemRouter);
  tf.io.registerSaveRouter(nodeFileSystemRouter);
  const packageName = engine === 'tensorflow-gpu' ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, packageName), 3);
  return { Tensor: tf.Tensor, version: { 'tfjs-node': tfjs } };
}

/** Makes `require(name)` give `exports` to whoever asks from here on. */
function answer(require: NodeJS.Require, name: string, exports: unknown): void {
  const filename = require.resolve(name);
  const module = { id: filename, filename, loaded: true, exports, children: [], paths: [] };
  require.cache[filename] = module as unknown as NodeJS.Module;
}
