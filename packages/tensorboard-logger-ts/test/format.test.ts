/**
 * The bytes on disk, held against records that TensorBoard 2.21's own protobuf classes and RecordWriter made
 * (wall time 1.5 s throughout).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c, frameRecord, readScalars, SummaryWriter } from 'tensorboard-logger-ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { allEvents, allValues, rawRecords, tempDir } from './support.ts';

const FILE_VERSION = '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c';
const START_KEEPING_ALL = '16000000000000004f61be2809000000000000f83f10ffffffffffffff0f3a0208010ac5a9b9';
const START_AT_10 = '0f000000000000006d532b0909000000000000f83f100a3a020801d0517734';
const PNG_1X1 =
  '89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636800000082008177cd72b60000000049454e44ae426082';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1500 });
});

afterEach(() => {
  vi.useRealTimers();
});

async function recordsOf(write: (writer: SummaryWriter) => void): Promise<string[]> {
  const writer = new SummaryWriter(tempDir());
  write(writer);
  await writer.close();
  return rawRecords(writer.file).slice(2);
}

test('the checksum of "123456789" is that of the standard', () => {
  expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283');
  expect(crc32c(new Uint8Array(32)).toString(16)).toBe('8a9136aa'); // RFC 3720, B.4
  expect(crc32c(new Uint8Array(32).fill(0xff)).toString(16)).toBe('62a8ab43');
});

test('a file starts with the version and a session start that drops nothing', async () => {
  const writer = new SummaryWriter(tempDir());
  expect(rawRecords(writer.file)).toEqual([FILE_VERSION, START_KEEPING_ALL]);
  await writer.close();
});

test('a resumed file adds a session start at its first step', async () => {
  const writer = new SummaryWriter(tempDir(), { purgeStep: 10 });
  await writer.close();
  expect(rawRecords(writer.file)).toEqual([FILE_VERSION, START_KEEPING_ALL, START_AT_10]);
});

test('scalars carry metadata with the first value of a tag only', async () => {
  const records = await recordsOf((writer) => {
    writer.addScalar('loss', 0.25, 0);
    writer.addScalar('loss', -1.5, 300);
    writer.addScalar('loss', -1.5, 300, 1.5);
  });
  const next = '1b000000000000001a0d9e1309000000000000f83f10ac022a0d0a0b0a046c6f7373150000c0bfaded265a';
  expect(records).toEqual([
    '2700000000000000bbe1b14609000000000000f83f2a1c0a1a0a046c6f7373150000803e4a0d0a090a077363616c617273200139dd1900',
    next,
    next,
  ]);
});

test('histogram', async () => {
  const records = await recordsOf((writer) => writer.addHistogram('w', [0, 1, 2, 2], 1, { bins: 2 }));
  expect(records).toEqual([
    '6400000000000000435f1cdf09000000000000f83f10012a570a550a0177423e08021208120208021202080332300000000000000000000000000000f03f000000000000f03f000000000000f03f000000000000004000000000000008404a100a0c0a0a686973746f6772616d732002535da68d',
  ]);
});

test('image', async () => {
  const records = await recordsOf((writer) => writer.addImage('i', Buffer.from(PNG_1X1, 'hex'), 1));
  expect(records).toEqual([
    `7500000000000000d7d9417809000000000000f83f10012a680a660a0169425308071204120208034201314201314243${PNG_1X1}4a0c0a080a06696d61676573200352c9582f`,
  ]);
});

test('text, single and as a table', async () => {
  const single = await recordsOf((writer) => writer.addText('t', 'é', 1));
  expect(single).toEqual([
    '2800000000000000ff70164a09000000000000f83f10012a1b0a190a01744208080712004202c3a94a0a0a060a0474657874200247815bc0',
  ]);
  const rows = await recordsOf((writer) => writer.addText('t', ['a', ''], 1));
  expect(rows).toEqual([
    '2d000000000000003c418afb09000000000000f83f10012a200a1e0a0174420d080712041202080242016142004a0a0a060a0474657874200292c02c3e',
  ]);
});

test('hyper-parameters: experiment, session start, session end', async () => {
  const [experiment] = await recordsOf((writer) => writer.addHparams({ lr: 0.5, opt: 'sgd', on: true }, ['acc']));
  expect(experiment).toBe(
    '6900000000000000360b3c6e09000000000000f83f2a5e0a5c0a145f68706172616d735f2f6578706572696d656e7442060801120212004a3c0a380a0768706172616d73122d122b19000000000000f83f22060a026c72200322070a036f7074200122060a026f6e20022a070a0512036163632002926d4fb1',
  );
  const [, start, end] = await recordsOf((writer) => writer.addHparams({ lr: 0.5 }, [], { groupName: 'g' }));
  expect(start).toBe(
    '6300000000000000b16b13d909000000000000f83f2a580a560a1c5f68706172616d735f2f73657373696f6e5f73746172745f696e666f42060801120212004a2e0a2a0a0768706172616d73121f1a1d0a0f0a026c72120911000000000000e03f22016729000000000000f83f2002bec19c1e',
  );
  expect(end).toBe(
    '4f000000000000006c474f9309000000000000f83f2a440a420a1a5f68706172616d735f2f73657373696f6e5f656e645f696e666f42060801120212004a1c0a180a0768706172616d73120d220b080111000000000000f83f2002c099cd9b',
  );
});

test('a record can be framed by itself', () => {
  const data = Buffer.from(FILE_VERSION, 'hex').subarray(12, -4);
  expect(frameRecord(data).toString('hex')).toBe(FILE_VERSION);
});

test('the reader knows the older messages that PyTorch writes, tensor_content and other plugins', async () => {
  const file = join(tempDir(), 'tfevents.foreign');
  const records = [
    '7500000000000000d7d9417809000000000000f83f10022a680a660a01682a6109000000000000f0bf11000000000000004019000000000000104021000000000000004029000000000000184032180000000000000000000000000000f03f00000000000000403a18000000000000f03f000000000000f03f0000000000000040c454e56b',
    '1f00000000000000514b441809000000000000f83f10022a120a100a0170220b080310041803220378797a2b73d714',
    '2d000000000000003c418afb09000000000000f83f10042a200a1e0a0173420a0801120022040000403f4a0d0a090a077363616c61727320014d9b082f',
    '3800000000000000a3797d5709000000000000f83f10052a2b0a290a027072420e08011204120208012a040000803f4a130a0f0a0970725f6375727665731202080020023aa5753e',
    '19000000000000008bf1082809000000000000f83f10ffffffffffffffffff012203616263e1371958',
  ];
  writeFileSync(file, Buffer.from(records.join(''), 'hex'));
  expect(await allValues(file)).toEqual([
    {
      step: 2,
      tag: 'h',
      plugin: 'histograms',
      histogram: [
        { left: -1, right: 0, count: 1 },
        { left: 0, right: 1, count: 1 },
        { left: 1, right: 2, count: 2 },
      ],
    },
    { step: 2, tag: 'p', plugin: 'images', images: [{ width: 4, height: 3, bytes: Buffer.from('xyz') }] },
    { step: 4, tag: 's', plugin: 'scalars', scalar: 0.75 },
    { step: 5, tag: 'pr', plugin: 'pr_curves' },
  ]);
  expect((await allEvents(file)).at(-1)).toEqual({ wallTime: 1.5, step: -1, values: [] });
  expect(await readScalars(file)).toEqual({ s: [{ step: 4, value: 0.75, wallTime: 1.5 }] });
});
