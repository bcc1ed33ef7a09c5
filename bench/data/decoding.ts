/** Decoding JPEGs into batches of tensors, beside torchvision's DataLoader with as many workers. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DataLoader, imageFolder } from 'kelvin';
import { drain, median, timed } from './rounds.ts';

const BATCH = 32;
const SCRIPT = fileURLToPath(new URL('torchvision_loader.py', import.meta.url));

interface Rival {
  epoch(): Promise<number>;
  stop(): void;
}

/** Undefined where this Python has no torchvision. */
async function torchvision(python: string, directory: string, workers: number): Promise<Rival | undefined> {
  const child = spawn(python, ['-W', 'ignore', SCRIPT, directory, String(workers), String(BATCH)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', () => {}); // no such Python: the output ends, too
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  if ((await lines.next()).value !== 'ready') return undefined;
  return {
    async epoch() {
      child.stdin.write('\n');
      return Number((await lines.next()).value);
    },
    stop: () => child.stdin.end(),
  };
}

/** Prints images per second, and their ratio where torchvision is there. */
export async function compareDecoding(directory: string, rounds: number, workers: number): Promise<void> {
  const images = await imageFolder(directory, { size: 224 });
  const loader = new DataLoader(images, { batchSize: BATCH, workers });
  const rival = await torchvision(process.env.KELVIN_PYTHON ?? 'python3', directory, workers);
  await drain(loader); // starts the workers
  const figures: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const ours = await timed(() => drain(loader));
    figures.push({ ours, theirs: (await rival?.epoch()) ?? Number.NaN });
  }
  rival?.stop();
  await loader.close();
  const rate = images.length / median(figures, ({ ours }) => ours);
  console.log(`Decoding ${images.length} JPEGs of 224x224, ${workers} workers, median of ${rounds} rounds`);
  console.log(`  images per second:               ${rate.toFixed(0)}`);
  const ratio = median(figures, ({ ours, theirs }) => theirs / ours);
  console.log(`  throughput / torchvision's:      ${rival ? ratio.toFixed(2) : 'no torchvision in KELVIN_PYTHON'}`);
}
