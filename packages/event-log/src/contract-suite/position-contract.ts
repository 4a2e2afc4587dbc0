import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { partitionOf } from '../murmur2.ts';
import type { DefineTest } from './log-under-test.ts';
import { keysByPartition, newGroup, numbered, numbers, startReader } from './reader.ts';

/** Where reading begins and goes on is the caller's to say: by the answers of `begin` and `handle`, and nothing else. */
export function positionContract(define: DefineTest): void {
  define('reading begins at the offset that begin answers: start, middle, end', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(50));
    await log.append(topic, numbered(50, { from: 50 }));
    for (const offset of [0, 1, 49, 50, 77, 99, 100]) {
      const reader = await startReader(log, { topic, begin: async () => ({ offset }) });
      await reader.until('begin', () => reader.begins.length === 1);
      expect(reader.begins[0]?.range).toMatchObject({ topic, partition: 0, start: 0 });
      if (offset === 100) await log.append(topic, [{ key: 'key', value: Buffer.from('100') }]);
      const last = offset === 100 ? 101 : 100;
      await reader.until(`all from ${offset} on`, () => reader.count() === last - offset);
      expect(reader.values()).toEqual(numbers(last - offset, { from: offset }));
      expect(reader.batches[0]?.firstOffset).toBe(offset);
      await reader.consumer.close();
    }
  });

  define('begin is told the range of its partition as it is now', { partitions: 2 }, async ({ log, topic }) => {
    const keys = keysByPartition(2, partitionOf);
    await log.append(topic, numbered(7, { key: keys[1] }));
    const reader = await startReader(log, { topic });
    await reader.until('two partitions', () => reader.begins.length === 2);
    const ranges = reader.begins.map(({ range }) => range).sort((a, b) => a.partition - b.partition);
    expect(ranges).toEqual([
      { topic, partition: 0, start: 0, end: 0 },
      { topic, partition: 1, start: 0, end: 7 },
    ]);
  });

  define('after a crash, reading goes on from the position given, and redelivers from there', {}, async (test) => {
    const group = newGroup();
    await test.log.append(test.topic, numbered(100));
    const first = await startReader(test.log, { topic: test.topic, group, maxRecords: 10 });
    await first.until('some batches', () => first.batches.length >= 5);
    const log = await test.reopen(); // nothing was published: only what the caller stored counts, here 30
    const second = await startReader(log, { topic: test.topic, group, begin: async () => ({ offset: 30 }) });
    await second.until('the rest', () => second.count() === 70);
    expect(second.values()).toEqual(numbers(70, { from: 30 }));
  });

  define('publishing a position does not move the reading', {}, async ({ log, topic }) => {
    const group = newGroup();
    await log.append(topic, numbered(20));
    await log.publishPosition(group, [{ topic, partition: 0, offset: 20 }]);
    const reader = await startReader(log, {
      topic,
      group,
      maxRecords: 5,
      async handle(batch) {
        await log.publishPosition(group, [{ topic, partition: 0, offset: 18 }]);
        return batch.nextOffset;
      },
    });
    await reader.until('all records', () => reader.count() === 20);
    expect(reader.values()).toEqual(numbers(20));
    await reader.consumer.close();
    const again = await startReader(log, { topic, group });
    await again.until('all records again', () => again.count() === 20);
    expect(again.values()).toEqual(numbers(20));
  });

  define('the handler’s answer moves the reading, back and forward', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(100));
    const answers = new Map([
      [10, 4], // the batch that began at 10: back
      [24, 60], // forward
    ]);
    const reader = await startReader(log, {
      topic,
      maxRecords: 10,
      async handle({ firstOffset, nextOffset }) {
        const answer = answers.get(firstOffset);
        answers.delete(firstOffset);
        return answer ?? nextOffset;
      },
    });
    await reader.until('the end', () => reader.values().at(-1) === '99');
    const expected = [...numbers(20), ...numbers(30, { from: 4 }), ...numbers(40, { from: 60 })];
    expect(reader.values()).toEqual(expected);
    expect(reader.batches.map(({ firstOffset }) => firstOffset)).toEqual([0, 10, 4, 14, 24, 60, 70, 80, 90]);
    expect(reader.begins.length).toBe(1);
  });

  define('the handler may answer with the same offset again until it can go on', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(3));
    let refusals = 5;
    const reader = await startReader(log, {
      topic,
      handle: async ({ firstOffset, nextOffset }) => (refusals-- > 0 ? firstOffset : nextOffset),
    });
    await reader.until('six times', () => reader.batches.length >= 6);
    expect(reader.values().slice(0, 18)).toEqual(Array.from({ length: 6 }, () => numbers(3)).flat());
    expect(reader.begins.length).toBe(1);
  });

  define('a handler that rejects has begin asked again, and the batch comes again', { partitions: 2 }, async (test) => {
    const { log, topic } = test;
    const keys = keysByPartition(2, partitionOf);
    for (const key of keys) await log.append(topic, numbered(30, { key }));
    const stored = [0, 0];
    let failures = 3;
    const reader = await startReader(log, {
      topic,
      maxRecords: 10,
      begin: async ({ partition }) => ({ offset: stored[partition] as number }),
      async handle({ partition, firstOffset, nextOffset }) {
        if (partition === 0 && firstOffset === 10 && failures-- > 0) throw new Error('the handler of the test fails');
        stored[partition] = nextOffset;
        return nextOffset;
      },
    });
    await reader.until('everything stored', () => stored[0] === 30 && stored[1] === 30);
    const asked = (partition: number) => reader.begins.filter(({ range }) => range.partition === partition).length;
    expect([asked(0), asked(1)]).toEqual([4, 1]);
    expect(reader.values(1)).toEqual(numbers(30));
    const again = numbers(10, { from: 10 });
    expect(reader.values(0)).toEqual([...numbers(10), ...again, ...again, ...again, ...numbers(20, { from: 10 })]);
  });

  define(
    'begin that rejects is asked again, and others do not wait for it',
    { partitions: 2 },
    async ({ log, topic }) => {
      const keys = keysByPartition(2, partitionOf);
      for (const key of keys) await log.append(topic, numbered(5, { key }));
      let failures = 3;
      const reader = await startReader(log, {
        topic,
        async begin({ partition, start }) {
          if (partition === 0 && failures-- > 0) throw new Error('the begin of the test fails');
          return { offset: start };
        },
      });
      await reader.until('all records', () => reader.count() === 10);
      expect(reader.begins.filter(({ range }) => range.partition === 0).length).toBe(4);
      expect(reader.begins.filter(({ range }) => range.partition === 1).length).toBe(1);
    },
  );

  define(
    'a partition that begin stops stays stopped, and the others go on',
    { partitions: 3 },
    async ({ log, topic }) => {
      const keys = keysByPartition(3, partitionOf);
      for (const key of keys) await log.append(topic, numbered(5, { key }));
      const reader = await startReader(log, {
        topic,
        begin: async ({ partition, start }) => (partition === 1 ? { stop: 'another log is here' } : { offset: start }),
      });
      await reader.until('the others', () => reader.count() === 10);
      for (let round = 0; round < 5; round++) {
        for (const key of keys) await log.append(topic, numbered(5, { key }));
        await reader.until('more of the others', () => reader.count() === 20 + round * 10);
      }
      await sleep(300); // in which it must not be asked again
      expect(reader.values(1)).toEqual([]);
      expect(reader.begins.filter(({ range }) => range.partition === 1).length).toBe(1);
      expect(reader.consumer.assigned().length).toBe(3);
    },
  );

  define('an offset outside the log’s range is never read from: begin is asked again', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(10));
    const offsets = [500, 11, 4];
    const reader = await startReader(log, {
      topic,
      maxRecords: 3,
      begin: async () => ({ offset: offsets.shift() ?? 0 }),
      handle: async ({ firstOffset, nextOffset }) => (firstOffset === 7 ? 12 : nextOffset),
    });
    // 500 and 11 are beyond the end; 4 is read from; the answer 12, after 7 to 9, is beyond the end again.
    await reader.until('a third and a fourth call of begin', () => reader.begins.length >= 4);
    await reader.until('the start again', () => reader.count() >= 9);
    expect(reader.values().slice(0, 9)).toEqual(['4', '5', '6', '7', '8', '9', '0', '1', '2']);
  });
}
