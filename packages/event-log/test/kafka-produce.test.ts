import { expect, test } from '@jest/globals';
import type { Append, AppendBatch } from '../src/kafka/append-batch.ts';
import { AppendLane } from '../src/kafka/append-lane.ts';
import { VarintReader } from '../src/kafka/batch-record.ts';
import type { BrokerLink } from '../src/kafka/broker-link.ts';
import { ChunkPool } from '../src/kafka/chunk-pool.ts';
import { encodeHeaders } from '../src/kafka/encode-record-batch.ts';
import { MAX_BATCH_BYTES } from '../src/kafka/prepare-topics.ts';
import { produce } from '../src/kafka/produce.ts';

const newAppend = (): Append => ({
  bytes: 0,
  open: 0,
  failed: false,
  resolve() {},
  reject() {},
  expiresAt: 0,
});
const message = (value: string) => ({ key: Buffer.from('key'), value: Buffer.from(value), headers: encodeHeaders({}) });
/** Without the filling of large ones. */
const valuesOf = ({ records }: AppendBatch) =>
  Array.from(records.records(), (record) => {
    const reader = new VarintReader(Buffer.from(record));
    expect(String(reader.bytes())).toBe('key');
    return String(reader.bytes()).trimEnd();
  });

function laneOf(appends: readonly Append[], bytes = 10): AppendLane {
  const lane = new AppendLane('events', 0, new ChunkPool());
  for (const [i, append] of appends.entries()) {
    lane.add(append, message(`${i}a`.padEnd(bytes)), bytes);
    lane.add(append, message(`${i}b`.padEnd(bytes)), bytes);
  }
  return lane;
}

test('a partition that the answer does not name has not been acknowledged', async () => {
  const answer = {
    topics: [
      { topicName: 'one', partitions: [{ partition: 3, errorCode: 0 }] },
      { topicName: 'two', partitions: [{ partition: 4, errorCode: 6 }] },
    ],
  };
  const link = { produce: async () => answer } as unknown as BrokerLink;
  const batch = laneOf([newAppend()]).first();
  const sent = [
    { topic: 'one', partition: 3, batch },
    { topic: 'one', partition: 4, batch },
    { topic: 'two', partition: 4, batch },
    { topic: 'three', partition: 0, batch },
  ];
  expect(await produce(link, sent, 1000)).toEqual([0, undefined, 6, undefined]);
});

test('nothing is added to a batch that was sent, so that it is the same when it is sent again', () => {
  const lane = laneOf([newAppend()]);
  expect(valuesOf(lane.first())).toEqual(['0a', '0b']);
  lane.add(newAppend(), message('later'), 10);
  expect(valuesOf(lane.first())).toEqual(['0a', '0b']);
  lane.settleFirst(() => {});
  expect(valuesOf(lane.first())).toEqual(['later']);
});

test('a batch is full before it has too many bytes; one record may have more alone', () => {
  const lane = laneOf([newAppend(), newAppend()], MAX_BATCH_BYTES / 3 - 20);
  lane.add(newAppend(), message('huge'.padEnd(5 * MAX_BATCH_BYTES)), 5 * MAX_BATCH_BYTES);
  lane.add(newAppend(), message('last'), 10);
  const batches: string[][] = [];
  for (; !lane.empty; lane.settleFirst(() => {})) batches.push(valuesOf(lane.first()));
  expect(batches).toEqual([['0a', '0b', '1a'], ['1b'], ['huge'], ['last']]);
});

test('an append is settled when all its batches are', () => {
  const append = newAppend();
  const lane = laneOf([append, newAppend()], MAX_BATCH_BYTES - 20);
  expect(append.open).toBe(2);
  const open: number[] = [];
  for (let i = 0; i < 2; i++) lane.settleFirst((settled) => void open.push(settled.open));
  expect(open).toEqual([1, 0]);
});

test('what failed appends have in the batches is taken out, also of the first, and the rest stays in order', () => {
  const appends = [newAppend(), newAppend(), newAppend()] as const;
  const lane = laneOf(appends);
  lane.first();
  lane.add(appends[1], message('more'), 10);
  appends[1].failed = true;
  const settled: Append[] = [];
  lane.dropFailed((append) => void settled.push(append));
  expect(settled).toEqual([appends[1], appends[1]]);
  expect(appends[1].open).toBe(0);
  expect(valuesOf(lane.first())).toEqual(['0a', '0b', '2a', '2b']);
  lane.settleFirst(() => {});
  expect(lane.empty).toBe(true);
});

test('a batch is cut in two, down to one record, and an append in both is settled with the second', () => {
  const appends = [newAppend(), newAppend(), newAppend()] as const;
  const lane = laneOf(appends);
  expect(lane.splitFirst()).toBe(true);
  expect(valuesOf(lane.first())).toEqual(['0a', '0b', '1a']);
  expect(appends.map(({ open }) => open)).toEqual([1, 2, 1]);
  lane.settleFirst(() => {});
  expect(appends.map(({ open }) => open)).toEqual([0, 1, 1]);
  expect(valuesOf(lane.first())).toEqual(['1b', '2a', '2b']);
  expect(lane.splitFirst()).toBe(true);
  expect(valuesOf(lane.first())).toEqual(['1b']);
  expect(lane.splitFirst()).toBe(false);
});

test('the pause before a batch is sent again grows to a second, and is over once one is settled', () => {
  const lane = laneOf([newAppend()]);
  const pauses = Array.from({ length: 8 }, () => {
    lane.postpone(0);
    return lane.retryAt;
  });
  expect(pauses[0]).toBeLessThanOrEqual(60);
  expect(pauses[7]).toBeGreaterThanOrEqual(800);
  expect(pauses[7]).toBeLessThanOrEqual(1200);
  lane.settleFirst(() => {});
  lane.postpone(0);
  expect(lane.retryAt).toBeLessThanOrEqual(60);
});

// The broker may have given the first sending up, and the connection still have bytes of it to write.
test('the memory of a batch is used again once it was answered, unless it was sent before without an answer', () => {
  const lane = laneOf([newAppend()]);
  const buffer = ({ records }: AppendBatch) => records.parts()[0]?.buffer;
  const answered = buffer(lane.first());
  lane.settleFirst(() => {});
  lane.add(newAppend(), message('next'), 10);
  const sentTwice = buffer(lane.first());
  expect(sentTwice).toBe(answered);
  lane.postpone(0);
  lane.settleFirst(() => {});
  lane.add(newAppend(), message('last'), 10);
  expect(buffer(lane.first())).not.toBe(sentTwice);
});
