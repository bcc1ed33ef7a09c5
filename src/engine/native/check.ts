/**
 * Tries a native engine in a process of its own, as `node check.js FOLDER`: a matrix product and a gradient, compared
 * with what they must be. A crash of the library is then no crash of the program that asks.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BackendError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { type StepsAddon, stepsAddon } from '../compile/small/addon.ts';
import { KIND } from '../compile/small/functions.ts';
import { prepareProcess } from '../process.ts';
import { installedIn } from './layout.ts';
import { loadNative } from './load.ts';

/** What the engine in a folder can do. */
export interface CheckResult {
  /** The version of TensorFlow that the libraries name. */
  readonly tensorflow: string;
  readonly gpu: boolean;
}

const MARK = 'kelvin-native-check ';

/** Runs the check. @throws BackendError `native-check` */
export function checkEngine(folder: string): CheckResult {
  const self = fileURLToPath(import.meta.url);
  const args = extname(self) === '.ts' ? ['--import', tsx()] : [];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...args, self, folder], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const line = stdout.split('\n').find((text) => text.startsWith(MARK));
  if (status === 0 && line !== undefined) return JSON.parse(line.slice(MARK.length)) as CheckResult;
  const ending = signal === null ? `exit code ${status}` : `signal ${signal}`;
  throw new BackendError(`the engine in ${folder} was built but does not compute (${ending}):\n${tail(stderr)}\n`, {
    code: 'native-check',
    help: 'report it with these lines; other engines are not touched',
  });
}

/** Where the sources themselves run, a child has to translate them as well. */
const tsx = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

const tail = (text: string): string => text.trim().split('\n').slice(-8).join('\n');

async function main(folder: string): Promise<void> {
  prepareProcess();
  const manifest = installedIn(folder, tf.version_core);
  if (manifest === undefined || typeof manifest === 'string') throw new Error(manifest ?? `${folder} is empty`);
  loadNative(folder, manifest);
  if (!(await tf.setBackend('tensorflow'))) throw new Error('the backend did not initialise');
  const result = tf.tidy(() => {
    const weights = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const product = tf.matMul(tf.tensor2d([5, 6], [1, 2]), weights).dataSync();
    const gradient = tf.grad((x) => tf.relu(tf.matMul(x as tf.Tensor2D, weights)).sum())(
      tf.tensor2d([2.5, -1], [1, 2]),
    );
    return [...product, ...gradient.dataSync()].join(' ');
  });
  if (stepsAddon() !== undefined && !stepsWork(stepsAddon() as StepsAddon))
    throw new Error('small steps do not compute');
  if (result !== '23 34 2 4') throw new Error(`expected 23 34 2 4, got ${result}`);
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean; binding: { TF_Version: string } };
  const facts: CheckResult = { tensorflow: backend.binding.TF_Version, gpu: backend.isUsingGpuDevice };
  process.stdout.write(`${MARK}${JSON.stringify(facts)}\n`);
}

/** The same product by the addon for small steps. */
function stepsWork(addon: StepsAddon): boolean {
  const [a, b, c] = [addon.allocate(2), addon.allocate(4), addon.allocate(2)];
  a.set([5, 6]);
  b.set([1, 2, 3, 4]);
  const product = [KIND.product, 14, 2, 0, 1, -1, 0, 1, 2, 2, 2, 1, 2, 1];
  return addon.run(addon.create(Int32Array.from(product), [a, b, c], 64)) === 0 && c.join(' ') === '23 34';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2] as string);
