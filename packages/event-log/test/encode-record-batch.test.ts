import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkPool } from '../src/kafka/chunk-pool.ts';
import { crc32c, crc32cOf } from '../src/kafka/crc32c.ts';
import { BATCH_HEADER_BYTES, encodeHeaders, writeBatchHeader } from '../src/kafka/encode-record-batch.ts';
import { RecordBytes } from '../src/kafka/record-bytes.ts';

interface Decoded {
  firstOffset: string;
  firstTimestamp: string;
  maxTimestamp: string;
  producerId: string;
  producerEpoch: number;
  firstSequence: number;
  lastOffsetDelta: number;
  isControlBatch: boolean;
  inTransaction: boolean;
  records: {
    offset: string;
    timestamp: string;
    key: Buffer;
    value: Buffer;
    headers: Record<string, Buffer | Buffer[]>;
  }[];
}
const require = createRequire(import.meta.url);
// kafkajs' own, to hold ours against.
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<Decoded>;
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => object;
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => { buffer: Buffer };
const kafkajsCrc = require('kafkajs/src/protocol/recordBatch/crc32C') as (buffer: Buffer) => number;

const TIME = 1_767_225_600_123;
const FIRST_RECORD = 61;

interface Given {
  key: Buffer;
  value: Buffer;
  headers?: Record<string, string>;
}

function recordsOf(given: readonly Given[], pool = new ChunkPool()): RecordBytes {
  const records = new RecordBytes(pool);
  for (const { key, value, headers } of given) records.add({ key, value, headers: encodeHeaders(headers) });
  return records;
}

function encoded(given: readonly Given[], before = 0): Buffer {
  const records = recordsOf(given);
  const parts = records.parts();
  expect(records.count).toBe(given.length);
  expect(records.bytes).toBe(parts.reduce((sum, { length }) => sum + length, 0));
  const target = Buffer.alloc(before + BATCH_HEADER_BYTES + 8, 0xee);
  const end = writeBatchHeader(target, before, { records, parts, timeMs: TIME });
  expect(end).toBe(before + BATCH_HEADER_BYTES);
  expect([...target.subarray(end)]).toEqual(Array(8).fill(0xee));
  return Buffer.concat([target.subarray(before, end), ...parts]);
}

const message = (key: string, value: Buffer | string, headers?: Record<string, string>): Given => ({
  key: Buffer.from(key),
  value: Buffer.from(value as string),
  ...(headers && { headers }),
});

async function expectReadBack(messages: readonly Given[], before = 0): Promise<void> {
  const batch = encoded(messages, before);
  const decoded = await decodeBatch(new Decoder(batch));
  expect(decoded).toMatchObject({
    firstOffset: '0',
    firstTimestamp: String(TIME),
    maxTimestamp: String(TIME),
    producerId: '-1',
    producerEpoch: -1,
    firstSequence: -1,
    lastOffsetDelta: messages.length - 1,
    isControlBatch: false,
    inTransaction: false,
  });
  expect(batch.readUInt32BE(17)).toBe(kafkajsCrc(batch.subarray(21)) >>> 0);
  expect(decoded.records).toHaveLength(messages.length);
  for (const [i, { key, value, headers = {} }] of messages.entries()) {
    const record = decoded.records[i];
    expect(record).toMatchObject({ offset: String(i), timestamp: String(TIME) });
    expect(record?.key.equals(key)).toBe(true);
    expect(record?.value.equals(value)).toBe(true);
    expect(Object.entries(record?.headers ?? {}).map(([name, header]) => [name, String(header)])).toEqual(
      Object.entries(headers),
    );
  }
}

/** Lengths around which a varint grows by a byte. */
const EDGES = [0, 1, 63, 64, 127, 128, 8191, 8192, 16_383, 16_384, 1_048_575, 1_048_576];

test.each(EDGES)('a value, a key and a header of %i bytes are read back by kafkajs', async (length) => {
  const text = 'x'.repeat(length);
  await expectReadBack([message(text, text), message('k', text, { name: text })]);
});

test('a value of 128 MiB, whose length is the first of five bytes, is read back', async () => {
  await expectReadBack([{ key: Buffer.from('k'), value: Buffer.alloc(134_217_728, 'y') }]);
});

test('10,000 records, whose distances from the first take one, two and three bytes', async () => {
  await expectReadBack(Array.from({ length: 10_000 }, (_, i) => message(`key-${i % 7}`, `value-${i}`)));
});

test('headers: none, empty, many, of one object or of several, in any script', async () => {
  const shared = { 'wayline-request-id': 'r-1', traceparent: '00-a-b-01' };
  await expectReadBack([
    message('a', '1', shared),
    message('b', '2', shared),
    message('c', '3'),
    message('d', '4', {}),
    message('e', '5', { '': '', süß: '値𝕏' }),
    message('f', '6', shared),
    message('g', '7', Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`h${i}`, `v${i}`]))),
  ]);
});

test('whatever the records are, kafkajs reads them back, and writes the same bytes', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const names = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((name) => !(name in {}) && !/^\d+$/.test(name));
  const headers = fc.option(
    fc.dictionary(names, fc.string({ unit: 'grapheme', maxLength: 40 }), { noNullPrototype: true }),
    {
      nil: undefined,
    },
  );
  const messages = fc.array(fc.record({ key: bytes, value: bytes, headers }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(messages, fc.nat(9), async (batch, before) => {
      await expectReadBack(batch, before);
      const records = batch.map((one, offsetDelta) => encodeRecord({ ...one, offsetDelta, timestampDelta: 0 }).buffer);
      expect(encoded(batch).subarray(FIRST_RECORD).equals(Buffer.concat(records))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('the checksum is CRC-32C, wherever the bytes begin in memory', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283); // the check value of the algorithm
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa); // RFC 3720, B.4
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 131) % 256));
  for (let start = 0; start < 9; start++) {
    for (const end of [start, start + 1, start + 7, start + 8, start + 17, 999, 1000]) {
      const wanted = kafkajsCrc(bytes.subarray(start, end)) >>> 0;
      expect(crc32c(bytes, start, end)).toBe(wanted);
      const [first, second] = [start + Math.floor((end - start) / 3), start + Math.floor((end - start) / 2)];
      const parts = [bytes.subarray(start, first), bytes.subarray(first, second), bytes.subarray(second, end)];
      expect(crc32cOf(parts)).toBe(wanted);
    }
  }
});

test('records that are written again, in another place of another batch, are those of that batch', () => {
  const all = Array.from({ length: 300 }, (_, i) => message(`key-${i % 3}`, 'v'.repeat(i * 7), { n: String(i) }));
  const rest = all.slice(130);
  const again = new RecordBytes(new ChunkPool());
  let n = 0;
  for (const record of recordsOf(all).records()) if (n++ >= 130) again.addAgain(record);
  expect(n).toBe(300);
  expect(Buffer.concat(again.parts()).equals(Buffer.concat(recordsOf(rest).parts()))).toBe(true);
});

test('what is released is written over by others, and what is not, is not', () => {
  const pool = new ChunkPool();
  const given = Array.from({ length: 100 }, (_, i) => message('k', 'x'.repeat(i * 20)));
  const [first, second] = [recordsOf(given, pool), recordsOf(given, pool)];
  const [ofFirst, ofSecond] = [first.parts(), second.parts()];
  expect(ofFirst.length).toBeGreaterThan(2);
  first.release();
  const third = recordsOf(
    given.map(() => message('K', 'y'.repeat(1000))),
    pool,
  );
  const buffers = (parts: readonly Uint8Array[]) => new Set(parts.map(({ buffer }) => buffer));
  expect([...buffers(ofFirst)].every((buffer) => buffers(third.parts()).has(buffer))).toBe(true);
  expect([...buffers(ofSecond)].some((buffer) => buffers(third.parts()).has(buffer))).toBe(false);
  expect(Buffer.concat(second.parts()).equals(Buffer.concat(recordsOf(given).parts()))).toBe(true);
});
