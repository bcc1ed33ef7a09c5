/**
 * What runs in a worker: reads batches of a dataset that it builds from its recipe. Nothing here loads tfjs; batches are
 * plain arrays, whose memory is handed over where both sides share it.
 */
import { parentPort } from 'node:worker_threads';
import type { Dataset } from '../dataset.ts';
import { readWhileWaiting } from '../files/whole-file.ts';
import { isHostArray } from '../host.ts';
import { type Reader, readBatch } from '../read-batch.ts';
import { keepSpare, shareMemory } from '../spare-memory.ts';
import { sendError, type WorkerAnswer, type WorkerSetup, type WorkerTask } from './protocol.ts';
import { follow } from './recipe.ts';

let reader: Promise<Reader> | undefined;

async function answerTo({ setup, request, spare, shared = false }: WorkerTask): Promise<WorkerAnswer> {
  try {
    if (spare) keepSpare(spare);
    shareMemory(shared);
    if (setup) reader = readerOf(setup);
    const batch = await readBatch((await reader) as Reader, request);
    return { status: 'read', batch };
  } catch (error) {
    return { status: 'failed', error: sendError(error) };
  }
}

async function readerOf({ dataset, transform, asSamples, skipBad }: WorkerSetup): Promise<Reader> {
  return {
    dataset: (await follow(dataset)) as Dataset,
    transform: transform && ((await follow(transform)) as Reader['transform']),
    asSamples,
    skipBad,
  };
}

/** The memory of all arrays in `value` that can be given away. */
function buffersIn(value: unknown, into: Set<ArrayBuffer> = new Set()): Set<ArrayBuffer> {
  if (isHostArray(value)) {
    // A view of a part of something larger, such as a dataset's own array, is copied instead.
    const whole = value.byteLength === value.buffer.byteLength;
    if (whole && value.buffer instanceof ArrayBuffer) into.add(value.buffer);
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) buffersIn(part, into);
  }
  return into;
}

readWhileWaiting();
if (parentPort) {
  const port = parentPort;
  port.on('message', async (task: WorkerTask) => {
    const answer = await answerTo(task);
    try {
      port.postMessage(answer, [...buffersIn(answer)]);
    } catch (error) {
      port.postMessage({ status: 'failed', error: sendError(error) } satisfies WorkerAnswer);
    }
  });
} else if (process.send) {
  process.on('message', async (task: WorkerTask) => {
    const answer = await answerTo(task);
    process.send?.(answer, (error: Error | null) => {
      if (error) process.send?.({ status: 'failed', error: sendError(error) } satisfies WorkerAnswer);
    });
  });
  // Ctrl-C reaches the whole group; the main process decides what it means, and when it ends, so does this one.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
}
