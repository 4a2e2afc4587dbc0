import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from '@jest/globals';
import { partitionOf } from '../murmur2.ts';
import type { DefineTest } from './log-under-test.ts';
import { keysByPartition, numbered, numbers, startReader, valuesOf } from './reader.ts';

/** What is alive in buffers, after a collection of garbage; their memory is given back a moment later. */
async function bytesInBuffers(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let times = 0; times < 3; times++) {
    collect();
    await sleep(30);
  }
  return process.memoryUsage().arrayBuffers;
}

/** What `consume` promises of batches: their shape, their bounds, and when they come. */
export function readingContract(define: DefineTest): void {
  define('batches follow one another without a gap, each at least one record', {}, async ({ log, topic }) => {
    for (let call = 0; call < 10; call++) await log.append(topic, numbered(100, { from: call * 100 }));
    const reader = await startReader(log, { topic, maxRecords: 33 });
    await reader.until('all records', () => reader.count() === 1000);
    expect(reader.values()).toEqual(numbers(1000));
    let next = 0;
    for (const batch of reader.batches) {
      const offsets = batch.records.map((record) => record.offset);
      expect(batch).toMatchObject({ topic, partition: 0, firstOffset: next });
      expect(offsets.length).toBeGreaterThanOrEqual(1);
      expect(offsets.length).toBeLessThanOrEqual(33);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect(offsets[0]).toBeGreaterThanOrEqual(batch.firstOffset);
      expect(batch.nextOffset).toBeGreaterThan(offsets.at(-1) as number);
      expect(batch.endOffset).toBe(1000);
      next = batch.nextOffset;
    }
  });

  define('a batch has about so many bytes as asked, and one record at least', {}, async ({ log, topic }) => {
    const maxBytes = 200_000;
    const records = Array.from({ length: 200 }, (_, i) => ({ key: 'key', value: Buffer.alloc(10_000, i) }));
    await log.append(topic, [...records, { key: 'key', value: Buffer.alloc(700_000) }, ...records]);
    const reader = await startReader(log, { topic, maxBytes });
    await reader.until('all records', () => reader.count() === 401);
    for (const { records } of reader.batches) {
      const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      if (records.length > 1) expect(bytes).toBeLessThanOrEqual(1.5 * maxBytes);
    }
    expect(reader.batches.length).toBeLessThan(100);
  });

  define('records appended while a consumer waits reach it at once', { partitions: 3 }, async ({ log, topic }) => {
    const reader = await startReader(log, { topic });
    await reader.until('three partitions', () => reader.begins.length === 3);
    await log.append(topic, numbered(1, { prefix: 'first' }));
    await reader.until('the first', () => reader.count() === 1);
    for (let i = 0; i < 5; i++) {
      await sleep(150); // longer than a fetch waits, so that it waits anew
      const startedAt = performance.now();
      await log.append(topic, numbered(1, { key: `k${i}` }));
      await reader.until('the next', () => reader.count() === i + 2);
      expect(performance.now() - startedAt).toBeLessThan(1000);
    }
  });

  define('one batch of a partition at a time, and partitions side by side', { partitions: 2 }, async (test) => {
    const { log, topic } = test;
    const keys = keysByPartition(2, partitionOf);
    for (let call = 0; call < 10; call++) {
      for (const key of keys) await log.append(topic, numbered(10, { key, from: call * 10 }));
    }
    const gate = test.createGate();
    const atWork = [0, 0];
    let most = 0;
    const reader = await startReader(log, {
      topic,
      maxRecords: 10,
      async handle({ partition, nextOffset }) {
        atWork[partition] = (atWork[partition] ?? 0) + 1;
        most = Math.max(most, atWork[partition]);
        if (partition === 0) await gate.opened;
        else await sleep(5);
        atWork[partition]--;
        return nextOffset;
      },
    });
    await reader.until('all of the other partition', () => reader.count(1) === 100);
    await reader.until('the first batch', () => reader.batches.some((batch) => batch.partition === 0));
    expect(reader.values(0)).toEqual(numbers(10));
    gate.open();
    await reader.until('the rest', () => reader.count(0) === 100);
    expect(most).toBe(1);
  });

  define(
    'a slow handler stops the fetching: nothing more is handed over, and memory stays bounded',
    { partitions: 2, maxBytesInFlight: 64 * 1024 * 1024 },
    async (test) => {
      const { log, topic } = test;
      const keys = keysByPartition(2, partitionOf);
      const gate = test.createGate();
      const reader = await startReader(log, {
        topic,
        maxRecords: 10,
        maxBytes: 1024 * 1024,
        async handle(batch) {
          await gate.opened;
          return batch.nextOffset;
        },
      });
      await reader.until('two partitions', () => reader.begins.length === 2);
      for (const key of keys) await log.append(topic, numbered(1, { key }));
      await reader.until('a batch of each', () => reader.batches.length === 2);
      const before = await bytesInBuffers();
      const calls = 40;
      for (let call = 0; call < calls; call++) {
        for (const key of keys) await log.append(topic, [{ key, value: Buffer.alloc(512 * 1024, call) }]);
      }
      await sleep(300); // time in which nothing must come
      expect(reader.batches.length).toBe(2);
      expect((await bytesInBuffers()) - before).toBeLessThan(15 * 1024 * 1024); // of the 40 MB appended
      gate.open();
      await reader.until('all', () => reader.count() === 2 + 2 * calls);
    },
  );

  define(
    'a handler that works for longer than a session may be silent keeps its partition',
    { partitions: 2 },
    async ({ log, topic, slowHandlerMs }) => {
      const keys = keysByPartition(2, partitionOf);
      for (const key of keys) await log.append(topic, numbered(2, { key }));
      const aborted: boolean[] = [];
      const reader = await startReader(log, {
        topic,
        maxRecords: 1,
        async handle(batch, lease) {
          if (batch.partition === 0 && batch.firstOffset === 0) await sleep(slowHandlerMs);
          aborted.push(lease.signal.aborted);
          return batch.nextOffset;
        },
      });
      await reader.until('all records', () => aborted.length === 4);
      expect(aborted).toEqual([false, false, false, false]);
      expect(reader.values(0)).toEqual(['0', '1']);
      expect(reader.values(1)).toEqual(['0', '1']);
      expect(reader.begins.length).toBe(2);
      expect(reader.consumer.assigned().length).toBe(2);
    },
  );

  define(
    'several topics are read by one consumer, each in its own order',
    { topics: 2, partitions: 2 },
    async (test) => {
      const [one, other] = test.topics as [string, string];
      await test.log.append(one, numbered(30));
      await test.log.append(other, numbered(20, { from: 1000 }));
      const reader = await startReader(test.log, { topic: one, topics: test.topics });
      await reader.until('all records', () => reader.count() === 50);
      const valuesOfTopic = (topic: string) =>
        reader.batches.filter((batch) => batch.topic === topic).flatMap(valuesOf);
      expect(valuesOfTopic(one)).toEqual(numbers(30));
      expect(valuesOfTopic(other)).toEqual(numbers(20, { from: 1000 }));
      expect(reader.consumer.assigned().length).toBe(4);
    },
  );
}
