/** Makes the process ready for native TensorFlow, and tfjs silent while it starts. */
import util from 'node:util';
import * as tf from '../core/tf.ts';

/** tfjs-node calls two functions of which Node 22 warns and that Node 23 took away; TensorFlow greets on stderr unless told not to. */
export function prepareProcess(): void {
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  process.env.TF_OVERRIDE_GLOBAL_THREADPOOL ??= '1'; // so that a small compiled step may have one thread
}

/** Runs `body` while tfjs keeps its advice and warnings to itself. */
export async function quietly<T>(body: () => Promise<T>): Promise<T> {
  const before = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  try {
    return await body();
  } finally {
    tf.env().set('PROD', before);
  }
}
