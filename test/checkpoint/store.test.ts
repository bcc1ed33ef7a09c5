/** Checkpoints on disk: whole or absent, readable by anybody, and never garbage. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Adam, CheckpointError, ModelCheckpoint, readCheckpoint, Trainer } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

class WithAdam extends BoringModule {
  override configureOptimizers(): never {
    return new Adam(this.parameters(), { lr: 0.01 }) as never;
  }
}

/** Two sound checkpoints: `older.ckpt` and `newer.ckpt`. */
const directory = freshDirectory();
const [older, newer] = [join(directory, 'older.ckpt'), join(directory, 'newer.ckpt')];
let sound: Buffer;
let weights: number[];

beforeAll(async () => {
  const module = new WithAdam();
  module.saveHyperparameters({ lr: 0.01, name: 'ünïcode 0000', deep: { list: [1, null, true] } });
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  await trainer.fit(module, boringLoader(2));
  await trainer.saveCheckpoint(older);
  trainer.maxEpochs = 2;
  await trainer.fit(module, boringLoader(2));
  await trainer.saveCheckpoint(newer);
  weights = module.weights();
  module.dispose();
  sound = readFileSync(newer);
});

/** A reader of safetensors that shares no code with Kelvin, after the format's description. */
function readIndependently(file: Buffer) {
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const { __metadata__, ...entries } = header;
  const view = new DataView(file.buffer, file.byteOffset + 8 + length, file.length - 8 - length);
  let end = 0;
  const tensors: Record<string, number[]> = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    expect(dtype).toBe('F32');
    expect(data_offsets[0]).toBe(end); // no holes
    end = data_offsets[1];
    const size = shape.reduce((a, b) => a * b, 1);
    tensors[name] = Array.from({ length: size }, (_, i) => view.getFloat32(data_offsets[0] + 4 * i, true));
  }
  expect(end).toBe(view.byteLength);
  return { tensors, metadata: __metadata__ as never as Record<string, string> };
}

test('any reader of safetensors gets weights and optimizer state', () => {
  const { tensors, metadata } = readIndependently(sound);
  expect(Object.keys(tensors)).toMatchInlineSnapshot(`
    [
      "model/net.0.kernel",
      "model/net.0.bias",
      "optimizer/net.0.kernel/expAvg",
      "optimizer/net.0.kernel/expAvgSq",
      "optimizer/net.0.bias/expAvg",
      "optimizer/net.0.bias/expAvgSq",
    ]
  `);
  expect([...(tensors['model/net.0.kernel'] ?? []), ...(tensors['model/net.0.bias'] ?? [])]).toEqual(weights);
  expect(JSON.parse(metadata['kelvin.state'] as string)).toMatchObject({ format: 1, epoch: 2, globalStep: 4 });
});

test('round trip: what is read is what was written', async () => {
  const { state, tensors } = await readCheckpoint(newer);
  expect(state).toMatchObject({
    module: 'WithAdam',
    hparams: { lr: 0.01, name: 'ünïcode 0000', deep: { list: [1, null, true] } },
    epoch: 2,
    globalStep: 4,
    progress: { epoch: 2, epochBatch: 0, globalBatch: 4, optimizerStep: 4, closedWindows: 4 },
  });
  expect(tensors.get('model/net.0.kernel')).toMatchObject({ dtype: 'float32', shape: [2, 1] });
});

test('round trip of numbers that JSON does not know: a NaN score stays the worst', async () => {
  const dirPath = freshDirectory();
  const module = new BoringModule();
  let epoch = 0;
  module.validationStep = () => module.log('val_loss', [Number.NaN, Number.POSITIVE_INFINITY, -1][epoch++] as number);
  const callbacks = new ModelCheckpoint({ dirPath, monitor: 'val_loss', saveTopK: 3 });
  await new Trainer({ ...bare, maxEpochs: 3, callbacks }).fit(module, boringLoader(1), boringLoader(1));
  module.dispose();
  const { state } = await readCheckpoint(join(dirPath, 'epoch=2-step=3.ckpt'));
  const own = (state.callbacks as Record<string, { kept: [string, number][] }>)['ModelCheckpoint(val_loss)'];
  expect(own?.kept.map(([, score]) => score)).toEqual([Number.NaN, Number.POSITIVE_INFINITY, -1]);
});

describe('a damaged file', () => {
  const damagedPath = join(directory, 'damaged.ckpt');

  async function expectRefused(file: Uint8Array): Promise<void> {
    writeFileSync(damagedPath, file);
    const error: unknown = await readCheckpoint(damagedPath).then(
      () => 'it was read',
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    const { code, message, help } = error as CheckpointError;
    expect(code).toBe('checkpoint-corrupt');
    expect(message).toContain(`The checkpoint ${damagedPath} is damaged`);
    expect(help).toBe(`the newest sound one beside it is ${newer}`);
  }

  test('truncated at any of 50 places', async () => {
    for (let i = 0; i < 50; i++) await expectRefused(sound.subarray(0, Math.floor((i * sound.length) / 50)));
    await expectRefused(sound.subarray(0, -1));
  });

  test('with one bit flipped anywhere', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 7 }), async (place, bit) => {
        const file = Buffer.from(sound);
        const position = place % file.length;
        file[position] = (file[position] as number) ^ (1 << bit);
        await expectRefused(file);
      }),
      { numRuns: 300, seed: 5 },
    ));

  test('with one bit flipped in the header, which is JSON', async () => {
    for (let position = 0; position < 300; position += 2) {
      const file = Buffer.from(sound);
      file[position] = (file[position] as number) ^ 1;
      await expectRefused(file);
    }
  });

  test('with bytes after the end, and of noise', async () => {
    await expectRefused(Buffer.concat([sound, Buffer.from([0])]));
    await expectRefused(Buffer.alloc(1000, 0x5a));
  });

  test('without a sound one beside it', async () => {
    const path = join(freshDirectory(), 'only.ckpt');
    writeFileSync(path, sound.subarray(0, 500));
    expect((await messageFrom(() => readCheckpoint(path))).replace(path, '<path>')).toMatchInlineSnapshot(`
      "CheckpointError [checkpoint-corrupt] The checkpoint <path> is damaged: got it ends within its header.
        help: no sound checkpoint lies beside it"
    `);
  });
});

test('a safetensors file of somebody else is not taken for damaged', async () => {
  const header = Buffer.from('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(freshDirectory(), 'other.safetensors');
  writeFileSync(path, Buffer.concat([length, header, Buffer.alloc(4)]));
  expect((await messageFrom(() => readCheckpoint(path))).replace(path, '<path>')).toMatchInlineSnapshot(`
    "CheckpointError [not-a-checkpoint] <path> is a safetensors file, but no checkpoint of Kelvin's.
      help: give a file that \`trainer.saveCheckpoint\` or ModelCheckpoint wrote"
  `);
});

test('a write that fails leaves the old file and no other', async () => {
  const home = freshDirectory();
  const path = join(home, 'a.ckpt');
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  await trainer.fit(module, boringLoader(1));
  await trainer.saveCheckpoint(path);
  await trainer.saveCheckpoint(path);
  expect(filesIn(home)).toEqual(['a.ckpt']);
  const before = readFileSync(path);

  const inTheWay = join(home, 'b.ckpt');
  mkdirSync(inTheWay);
  const clean = async (to: string) => (await messageFrom(() => trainer.saveCheckpoint(to))).replaceAll(home, '<dir>');
  expect((await clean(inTheWay)).replace(/\(|'.*'/g, '')).toContain(
    'CheckpointError [checkpoint-not-written] The checkpoint <dir>/b.ckpt could not be written: got EISDIR',
  );
  expect(await clean(join(path, 'below-a-file', 'c.ckpt'))).toContain(
    'CheckpointError [checkpoint-not-written] The checkpoint <dir>/a.ckpt/below-a-file/c.ckpt could not be written',
  );
  expect(filesIn(home)).toEqual(['a.ckpt', 'b.ckpt']);
  expect(readFileSync(path)).toEqual(before);
  module.dispose();
});

test('two writes to one path at once leave one whole file', async () => {
  const home = freshDirectory();
  const path = join(home, 'a.ckpt');
  const module = new BoringModule();
  module.onTrainEnd = async () => {
    const { trainer } = module;
    await Promise.all(Array.from({ length: 5 }, () => trainer.saveCheckpoint(path)));
  };
  await new Trainer({ ...bare, maxEpochs: 1 }).fit(module, boringLoader(1));
  expect(filesIn(home)).toEqual(['a.ckpt']);
  await expect(readCheckpoint(path)).resolves.toMatchObject({ state: { globalStep: 1 } });
  module.dispose();
});
