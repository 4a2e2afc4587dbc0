import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fetchV11 from 'kafkajs/src/protocol/requests/fetch/v11/response.js';
import type { LogRecord } from '../src/event-log.ts';
import { crc32c } from '../src/kafka/crc32c.ts';
import { decodeFetch, type FetchAnswer, type FetchedPartition } from '../src/kafka/decode-fetch.ts';

interface Encoder {
  buffer: Buffer;
}
/** As kafkajs' own decoder gives it. */
type TheirAnswer = Omit<FetchAnswer, 'responses'> & {
  responses: {
    topicName: string;
    partitions: (Omit<FetchedPartition, 'messages' | 'abortedTransactions'> & {
      abortedTransactions: object[];
      messages: {
        offset: string;
        timestamp: string;
        key: Buffer | null;
        value: Buffer | null;
        headers: Record<string, Buffer | Buffer[]>;
      }[];
    })[];
  }[];
};
const require = createRequire(import.meta.url);
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(batch: object): Promise<Encoder>;
};
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoder;

const int = (bytes: number, value: number | bigint): Buffer => {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigInt64BE(BigInt(value));
  else buffer.writeIntBE(Number(value), 0, bytes);
  return buffer;
};
const text = (value: string): Buffer => Buffer.concat([int(2, value.length), Buffer.from(value)]);

/** An answer of version 11 with the records of one topic's partitions. */
function answerOf(partitions: readonly Buffer[]): Buffer {
  const each = partitions.map((records, partition) => [
    int(4, partition),
    int(2, 0),
    int(8, 1000 + partition),
    int(8, 900),
    int(8, 5),
    int(4, 1),
    int(8, 77), // an aborted transaction
    int(8, 12),
    int(4, -1),
    int(4, records.length),
    records,
  ]);
  return Buffer.concat([
    int(4, 3),
    int(2, 0),
    int(4, 0),
    int(4, 1),
    text('events'),
    int(4, each.length),
    ...each.flat(),
  ]);
}

async function batchOf(
  records: readonly object[],
  { firstOffset = 0, lastOffsetDelta = records.length - 1, ...rest } = {},
) {
  const encoded = records.map((record, offsetDelta) => encodeRecord({ offsetDelta, ...record }));
  const { buffer } = await RecordBatch({
    records: encoded,
    lastOffsetDelta,
    firstTimestamp: 1000,
    maxTimestamp: 2000,
    ...rest,
  });
  buffer.writeBigInt64BE(BigInt(firstOffset)); // kafkajs only writes what producers may
  return buffer;
}

/** Changes a batch, and makes its checksum right again. */
function changed(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  const copy = Buffer.from(batch);
  change(copy);
  copy.writeUInt32BE(crc32c(copy, 21), 17);
  return copy;
}

const valuesOf = (answer: FetchAnswer, partition = 0): string[] =>
  (answer.responses[0]?.partitions[partition]?.messages ?? []).flatMap(({ unreadable, isControlRecord, records }) =>
    unreadable ? unreadable.message : isControlRecord ? 'control' : records.map(({ value }) => String(value)),
  );

const small = [
  { key: 'a', value: 'one' },
  { key: 'b', value: 'two' },
];

test('an answer is decoded as kafkajs decodes it', async () => {
  const records = [
    { key: null, value: 'no key', timestampDelta: 5 },
    { key: 'key', value: null, timestampDelta: -7 },
    {
      key: Buffer.from([0, 255]),
      value: Buffer.alloc(1000, 'x'),
      timestampDelta: 2 ** 40,
      headers: { one: 'ü', empty: '' },
    },
    { key: 'k', value: '', headers: { twice: ['first', 'last'] } },
  ];
  const batches = [
    await batchOf(records, { firstOffset: 2 ** 40 }),
    await batchOf(small, { firstOffset: 2 ** 40 + 4, transactional: true, producerId: 78, producerEpoch: 1 } as object),
  ];
  const bytes = answerOf([Buffer.concat(batches), Buffer.alloc(0), batches[1] as Buffer]);
  const own = await decodeFetch(bytes);
  const theirs = (await fetchV11.decode(bytes)) as TheirAnswer;
  const { responses, ...rest } = theirs;
  const [{ topicName, partitions }] = responses as [TheirAnswer['responses'][number]];
  expect(own).toMatchObject({ ...rest, responses: [{ topicName }] });
  for (const [i, { messages, abortedTransactions, ...data }] of partitions.entries()) {
    const decoded = own.responses[0]?.partitions[i] as FetchedPartition;
    expect(decoded).toMatchObject(data);
    expect(abortedTransactions).toEqual([{ producerId: '77', firstOffset: '12' }]);
    const read = decoded.messages.flatMap(({ records }) => records);
    expect(read.map(plain)).toEqual(
      messages.map(({ offset, timestamp, key, value, headers }) => ({
        ...{ offset: Number(offset), timeMs: Number(timestamp), key, value },
        headers: Object.fromEntries(Object.entries(headers).map(([name, given]) => [name, [given].flat().at(-1)])),
      })),
    );
  }
});

const plain = ({ offset, timeMs, key, value, headers }: LogRecord) => ({
  ...{ offset, timeMs, key, value },
  headers: { ...headers },
});

test('what a transaction took back, and the marks of transactions, are left out; the reading gets past them', async () => {
  const of = (producerId: number) => ({ transactional: true, producerId, producerEpoch: 1 }) as object;
  const mark = async (firstOffset: number, producerId: number) =>
    changed(
      await batchOf([{ key: Buffer.alloc(4), value: Buffer.alloc(6) }], { firstOffset, ...of(producerId) }),
      (copy) => copy.writeInt16BE(0x30, 21),
    );
  const batches = [
    await batchOf(small, { firstOffset: 10, ...of(77) }), // before the one that was aborted
    await batchOf(small, { firstOffset: 12, ...of(77) }),
    await batchOf([{ key: 'c', value: 'three' }], { firstOffset: 14, ...of(78) }),
    await batchOf([{ key: 'c', value: 'four' }], { firstOffset: 15, producerId: 77 } as object), // of no transaction
    await mark(16, 77),
    await batchOf([{ key: 'c', value: 'five' }], { firstOffset: 17, ...of(77) }),
  ];
  const answer = await decodeFetch(answerOf([Buffer.concat(batches)]));
  expect(valuesOf(answer)).toEqual(['one', 'two', 'control', 'three', 'four', 'control', 'five']);
  expect(answer.responses[0]?.partitions[0]?.messages.map(({ offset }) => offset)).toEqual(
    [11, 13, 14, 15, 16, 17].map(String),
  );
});

test('the log’s time, where the batch has it, is that of every record', async () => {
  const batch = changed(await batchOf(small), (copy) => copy.writeInt16BE(0x08, 21));
  const [partition] = (await decodeFetch(answerOf([batch]))).responses[0]?.partitions ?? [];
  expect(partition?.messages.flatMap(({ records }) => records.map(({ timeMs }) => timeMs))).toEqual([2000, 2000]);
});

test('any changed bit makes a batch unreadable; what is before it, and other partitions, are not touched', async () => {
  const [first, second] = [await batchOf(small), await batchOf(small, { firstOffset: 2 })];
  for (let bit = 8 * 16; bit < 8 * second.length; bit++) {
    const damaged = Buffer.from(second);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    const answer = await decodeFetch(answerOf([Buffer.concat([first, damaged, first]), first]));
    expect(valuesOf(answer)).toEqual([
      'one',
      'two',
      expect.stringMatching(/^the record batch at offset 2 cannot be read: /),
    ]);
    expect(valuesOf(answer, 1)).toEqual(['one', 'two']);
  }
});

test('a batch that the answer cuts off at its end is left out; the first one always comes whole, else it is unreadable', async () => {
  const [first, second] = [await batchOf(small), await batchOf(small, { firstOffset: 2 })];
  for (let length = 1; length < second.length; length++) {
    const cut = second.subarray(0, length);
    expect(valuesOf(await decodeFetch(answerOf([Buffer.concat([first, cut])])))).toEqual(['one', 'two']);
    expect(valuesOf(await decodeFetch(answerOf([cut])))).toEqual([expect.stringMatching(/cannot be read/)]);
  }
});

test.each<[string, (batch: Buffer) => void, string]>([
  ['a codec that is not known', (batch) => batch.writeInt16BE(5, 21), 'compression codec 5 is not known'],
  ['a codec whose bytes these are not', (batch) => batch.writeInt16BE(1, 21), 'incorrect header check'],
  ['a record format of before 2017', (batch) => batch.writeInt8(1, 16), 'record format 1 is not known'],
  ['more records than there are', (batch) => batch.writeInt32BE(3, 57), 'a record goes beyond the end of its batch'],
  ['a record of another length', (batch) => batch.writeInt8(22, 61), 'record 0 is not as long as it says'],
])('%s makes a batch unreadable, although its checksum is right', async (_, change, reason) => {
  const batch = changed(await batchOf(small), change);
  expect(valuesOf(await decodeFetch(answerOf([batch])))).toEqual([
    expect.stringMatching(new RegExp(`^the record batch at offset 0 cannot be read: .*${reason}$`)),
  ]);
});

test('what compaction has left of a batch ends where the batch did, also when it has left nothing', async () => {
  const [some, none] = [
    await batchOf(small, { firstOffset: 10, lastOffsetDelta: 4 }),
    await batchOf([], { firstOffset: 15, lastOffsetDelta: 4 }),
  ];
  const answer = await decodeFetch(answerOf([Buffer.concat([some, none])]));
  const messages = answer.responses[0]?.partitions[0]?.messages ?? [];
  expect(messages.map(({ offset }) => offset)).toEqual(['14', '19']);
  expect(valuesOf(answer)).toEqual(['one', 'two', 'control']);
});

test('a batch may inflate to far more records than there are arguments to a call', async () => {
  const plain = await batchOf([], { lastOffsetDelta: 149_999 });
  const records = gzipSync(
    Buffer.concat(
      Array.from({ length: 150_000 }, (_, offsetDelta) => encodeRecord({ offsetDelta, key: null, value: 'v' }).buffer),
    ),
  );
  const batch = changed(Buffer.concat([plain, records]), (copy) => {
    copy.writeInt32BE(copy.length - 12, 8);
    copy.writeInt16BE(1, 21);
    copy.writeInt32BE(150_000, 57);
  });
  const answer = await decodeFetch(answerOf([batch]));
  expect(answer.responses[0]?.partitions[0]?.messages[0]?.records.length).toBe(150_000);
  await expect(fetchV11.decode(answerOf([batch]))).rejects.toThrow(RangeError); // kafkajs' own
});
