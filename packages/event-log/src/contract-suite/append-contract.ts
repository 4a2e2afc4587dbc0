import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { LogUnavailableError } from '../event-log.ts';
import { partitionOf } from '../murmur2.ts';
import type { DefineTest } from './log-under-test.ts';
import { numbered, numbers, startReader } from './reader.ts';

/** What `append` promises, and what can be seen of it by `ranges` and `peek`. */
export function appendContract(define: DefineTest): void {
  define('records of a key come back in the order of the calls', { partitions: 3 }, async ({ log, topic }) => {
    const keys = Array.from({ length: 20 }, (_, i) => `session-${i}`);
    const calls: Promise<void>[] = [];
    for (let call = 0; call < 25; call++) {
      calls.push(
        log.append(
          topic,
          keys.flatMap((key) => numbered(2, { key, prefix: `${key}:`, from: call * 2 })),
        ),
      );
    }
    await Promise.all(calls); // none waited for the one before
    const reader = await startReader(log, { topic });
    await reader.until('all records', () => reader.count() === 1000);
    const records = reader.batches.flatMap((batch) => batch.records);
    for (const key of keys) {
      const ofKey = records.filter((record) => String(record.key) === key).map((record) => String(record.value));
      expect(ofKey).toEqual(numbers(50, { prefix: `${key}:` }));
    }
  });

  define('a key goes to the partition where Kafka’s own clients put it', { partitions: 7 }, async ({ log, topic }) => {
    const keys = [
      '',
      'a',
      'äöü€😀',
      'a-little-bit-long-string',
      ...Array.from({ length: 50 }, (_, i) => `session-${i}`),
    ];
    await log.append(
      topic,
      keys.map((key) => ({ key, value: Buffer.from(key) })),
    );
    const reader = await startReader(log, { topic });
    await reader.until('all records', () => reader.count() === keys.length);
    for (const batch of reader.batches) {
      for (const { key } of batch.records) expect(partitionOf(key as Buffer, 7)).toBe(batch.partition);
    }
  });

  define('key, value, headers and the log’s time come back as they went in', {}, async ({ log, topic }) => {
    const before = Date.now();
    const value = randomBytes(10_000);
    await log.append(topic, [
      { key: 'naïve', value, headers: { 'wayline-key': 'w_1', 'trace parent': 'grüß', empty: '' } },
      { key: '', value: Buffer.alloc(0) },
      { key: 'next', value: Buffer.from('null'), headers: {} },
    ]);
    const reader = await startReader(log, { topic });
    await reader.until('three records', () => reader.count() === 3);
    const [first, second, third] = reader.batches.flatMap((batch) => batch.records);
    expect(first?.key?.toString()).toBe('naïve');
    expect(first?.value?.equals(value)).toBe(true);
    expect(first?.headers).toEqual({
      'wayline-key': Buffer.from('w_1'),
      'trace parent': Buffer.from('grüß'),
      empty: Buffer.alloc(0),
    });
    expect([second?.key?.length, second?.value?.length, second?.headers]).toEqual([0, 0, {}]);
    expect([third?.value?.toString(), third?.headers]).toEqual(['null', {}]);
    expect(first?.timeMs).toBeGreaterThanOrEqual(before - 1000); // another machine's clock, perhaps
    expect(first?.timeMs).toBeLessThanOrEqual(Date.now() + 1000);
  });

  define('a caller may use the buffer of a value again once append has resolved', {}, async ({ log, topic }) => {
    const value = Buffer.from('as it was');
    await log.append(topic, [{ key: 'key', value }]);
    value.fill('x');
    expect((await log.peek({ topic, partition: 0, offset: 0 }))?.value?.toString()).toBe('as it was');
  });

  define('the log’s time never goes back within a partition', {}, async ({ log, topic }) => {
    for (let call = 0; call < 20; call++) await log.append(topic, numbered(3));
    const reader = await startReader(log, { topic });
    await reader.until('all records', () => reader.count() === 60);
    const times = reader.batches.flatMap((batch) => batch.records.map((record) => record.timeMs));
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  define('what append resolved for is there after close and reopen', { partitions: 3 }, async (test) => {
    const records = Array.from({ length: 300 }, (_, i) => ({ key: `k${i % 30}`, value: Buffer.from(`v${i}`) }));
    await Promise.all([
      test.log.append(test.topic, records.slice(0, 100)),
      test.log.append(test.topic, records.slice(100)),
    ]);
    const before = await test.log.ranges(test.topic);
    const log = await test.reopen();
    expect(await log.ranges(test.topic)).toEqual(before);
    const reader = await startReader(log, { topic: test.topic });
    await reader.until('all records', () => reader.count() === 300);
    expect(reader.values().sort()).toEqual(numbers(300, { prefix: 'v' }).sort());
    await log.append(test.topic, records);
    const ends = (await log.ranges(test.topic)).map(({ end }) => end);
    expect(ends.reduce((sum, end) => sum + end, 0)).toBe(600);
  });

  define('many small appends at once all arrive', { partitions: 4 }, async ({ log, topic }) => {
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => log.append(topic, [{ key, value: Buffer.from(key) }])));
    const reader = await startReader(log, { topic });
    await reader.until('all records', () => reader.count() === 500);
    expect(reader.values().sort()).toEqual([...keys].sort());
  });

  define('an append of no records resolves and writes nothing', {}, async ({ log, topic }) => {
    await log.append(topic, []);
    expect(await log.ranges(topic)).toEqual([{ topic, partition: 0, start: 0, end: 0 }]);
  });

  define('an append to a topic that does not exist rejects', {}, async ({ log, topic }) => {
    await expect(log.append(`${topic}.unknown`, numbered(1))).rejects.toThrow();
    await log.append(topic, numbered(1));
  });

  define('2500 records of 4 KB of one key are taken in one call', {}, async ({ log, topic }) => {
    const values = Array.from({ length: 2500 }, (_, i) => {
      const value = Buffer.alloc(4096, i % 251);
      value.writeUInt32BE(i);
      return value;
    });
    await log.append(
      topic,
      values.map((value) => ({ key: 'one session', value })),
    );
    const reader = await startReader(log, { topic, maxRecords: 1000 });
    await reader.until('all records', () => reader.count() === 2500);
    const records = reader.batches.flatMap((batch) => batch.records);
    expect(records.every(({ value }, i) => value?.equals(values[i] as Buffer))).toBe(true);
    expect(Math.max(...reader.batches.map((batch) => batch.records.length))).toBeLessThanOrEqual(1000);
  });

  define(
    'too many bytes in flight are refused at once as busy, and taken later',
    { maxBytesInFlight: 1_000_000 },
    async ({ log, topic }) => {
      const record = { key: 'key', value: Buffer.alloc(300_000) };
      let settled = false;
      const first = log.append(topic, [record, record]).finally(() => {
        settled = true;
      });
      const refused = await log.append(topic, [record, record]).catch((error: unknown) => error);
      expect(settled).toBe(false);
      expect(refused).toBeInstanceOf(LogUnavailableError);
      expect(refused).toMatchObject({ name: 'LogUnavailableError', reason: 'busy' });
      await first;
      await log.append(topic, [record, record]);
      expect(await log.ranges(topic)).toEqual([{ topic, partition: 0, start: 0, end: 4 }]);
    },
  );

  define(
    'more bytes in one call than may ever be in flight are refused for good, and hold up nothing',
    { maxBytesInFlight: 100_000 },
    async ({ log, topic }) => {
      const tooMuch = Array.from({ length: 3 }, () => ({ key: 'key', value: Buffer.alloc(40_000) }));
      await expect(log.append(topic, tooMuch)).rejects.toMatchObject({ name: 'RecordTooLargeError' });
      await log.append(topic, tooMuch.slice(1));
      expect(await log.ranges(topic)).toEqual([{ topic, partition: 0, start: 0, end: 2 }]);
    },
  );

  define('ranges tells where each partition begins and ends', { partitions: 3 }, async ({ log, topic }) => {
    const empty = { topic, start: 0, end: 0 };
    const byPartition = async () => (await log.ranges(topic)).sort((a, b) => a.partition - b.partition);
    expect(await byPartition()).toEqual([0, 1, 2].map((partition) => ({ ...empty, partition })));
    const partition = partitionOf(Buffer.from('key'), 3);
    await log.append(topic, numbered(5));
    expect((await byPartition())[partition]).toEqual({ topic, partition, start: 0, end: 5 });
  });

  define('peek gives the first record at or after an offset', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(10));
    await log.append(topic, numbered(10, { from: 10 }));
    const at = async (offset: number) => {
      const record = await log.peek({ topic, partition: 0, offset });
      return record && [record.offset, String(record.value)];
    };
    expect(await at(0)).toEqual([0, '0']);
    expect(await at(7)).toEqual([7, '7']);
    expect(await at(10)).toEqual([10, '10']);
    expect(await at(19)).toEqual([19, '19']);
    expect(await at(20)).toBeUndefined();
    expect(await at(1000)).toBeUndefined();
  });

  define('a log keeps its id over reopening, and another log has another', {}, async (test) => {
    const { id } = test.log;
    expect(id).toMatch(/^\S+$/);
    expect((await test.reopen()).id).toBe(id);
    expect((await test.openOther()).id).not.toBe(id);
  });
}
