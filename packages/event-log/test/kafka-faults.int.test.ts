import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, startKafka } from '@wayline/testkit';
import { keysByPartition, newGroup, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { EventLog, LogLogger } from '../src/event-log.ts';
import { createKafkaLog, type KafkaLogOptions } from '../src/kafka/index.ts';
import { partitionOf } from '../src/murmur2.ts';
import { expectAllInOrder, readAll, startKeyWriters } from './key-writers.ts';

/** A broker that dies, stands still and comes back. */
await describeWithKafka(
  'the log while Kafka fails',
  () => {
    /** Of each test one of its own; the broker is that of all. */
    let topic: string;
    let kafka: KafkaCluster;
    let isAway = false;
    const closers: (() => Promise<unknown>)[] = [];
    const told: string[] = [];
    const tell = (_: object, message: string) => void told.push(message);
    const logger: LogLogger = { info: tell, warn: tell, error: tell };
    beforeAll(async () => {
      kafka = await startKafka();
    }, 120_000);
    beforeEach(() => {
      topic = `faults.${randomUUID()}`;
    });
    afterEach(async () => {
      await kafka.resume(0).catch(() => {}); // it was killed
      if (isAway) await restart();
      for (const close of closers.splice(0).reverse()) await close();
      told.length = 0;
    }, 60_000);
    afterAll(() => kafka?.close());

    async function kill(): Promise<void> {
      await kafka.kill(0);
      isAway = true;
    }

    async function restart(): Promise<void> {
      await kafka.restart(0);
      isAway = false;
    }

    async function open(partitions: number, options: Partial<KafkaLogOptions> = {}): Promise<EventLog> {
      const topics = [{ name: topic, partitions }];
      const log = await createKafkaLog({ brokers: kafka.brokers, topics, sessionTimeoutMs: 6000, logger, ...options });
      closers.push(() => log.close());
      return log;
    }

    test('T6: acknowledged records are there, in order, after a broker was killed under load, twice', async () => {
      const log = await open(12, { appendDeadlineMs: 60_000 });
      const writers = startKeyWriters(log, { topic, keys: 40 });
      for (let round = 0; round < 2; round++) {
        await writers.more(2000);
        await kill();
        await restart();
      }
      await writers.more(2000);
      const acknowledged = await writers.stop();
      expectAllInOrder(await readAll(log, topic), acknowledged);
      expect(told).toContain('Kafka takes records again');
    }, 180_000);

    test('a consumer that Kafka does not hear any more lets its partitions go, and takes them up again', async () => {
      const log = await open(2);
      const reader = await startReader(log, { topic, begin: async ({ end }) => ({ offset: end }) });
      await reader.until('begin', () => reader.begins.length === 2);
      const leases = reader.begins.map(({ lease }) => lease.signal);
      await kafka.pause(0);
      await reader.until('the leases end', () => leases.every(({ aborted }) => aborted)); // after the session: 6 s
      expect(reader.consumer.assigned()).toEqual([]);
      await kafka.resume(0);
      await reader.until('begin again', () => reader.begins.length === 4);
      for (const key of keysByPartition(2, partitionOf)) await log.append(topic, numbered(3, { key }));
      await reader.until('records', () => reader.values().length === 6);
    }, 60_000);

    test('a consumer waits for a broker that is away, and goes on where it was', async () => {
      const log = await open(2);
      const keys = keysByPartition(2, partitionOf);
      const append = async (from: number) => {
        for (const key of keys) await log.append(topic, numbered(20, { key, from }));
      };
      await append(0);
      const next = [0, 0];
      const reader = await startReader(log, {
        topic,
        begin: async ({ partition }) => ({ offset: next[partition] as number }),
        async handle(batch) {
          next[batch.partition] = batch.nextOffset;
          return batch.nextOffset;
        },
      });
      await reader.until('the first records', () => reader.values().length === 40);
      await kill();
      await sleep(8000); // longer than the session, and than kafkajs tries by itself
      await restart();
      await append(20);
      await reader.until('the records after', () => reader.values().length === 80);
      expect([reader.values(0), reader.values(1)]).toEqual([numbers(40), numbers(40)]);
    }, 120_000);

    test('a broker that stands still: 503 in time, its bytes counted until it moves again, nothing lost after', async () => {
      const log = await open(1, { appendDeadlineMs: 2000, maxBytesInFlight: 1_000_000 });
      await log.append(topic, numbered(1));
      await kafka.pause(0);
      const startedAt = Date.now();
      const big = { key: 'key', value: Buffer.alloc(700_000) };
      const late = await log.append(topic, [big]).catch((error: unknown) => error);
      expect(late).toMatchObject({ name: 'LogUnavailableError', reason: 'unavailable' });
      expect(Date.now() - startedAt).toBeGreaterThan(1900);
      expect(Date.now() - startedAt).toBeLessThan(4000);
      const next = log.append(topic, [{ key: 'key', value: Buffer.alloc(400_000) }]);
      await expect(next).rejects.toMatchObject({ reason: 'busy' });
      await kafka.resume(0);
      const again = async () => {
        for (;;) {
          try {
            return await log.append(topic, numbered(1, { from: 1 }));
          } catch (error) {
            expect(error).toMatchObject({ name: 'LogUnavailableError' });
            await sleep(50);
          }
        }
      };
      await again();
      const values = (await readAll(log, topic)).map(({ value }) => value).filter((value) => value.length < 10);
      expect([...new Set(values)]).toEqual(['0', '1']);
    }, 60_000);

    test('while no broker answers, appends are refused in time, memory is bounded, and reading says so', async () => {
      const log = await open(3, { appendDeadlineMs: 1500, maxBytesInFlight: 100_000 });
      await kill();
      const record = { key: 'key', value: Buffer.alloc(30_000) };
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => log.append(topic, [record])));
      const reasons = results.map((result) => (result.status === 'rejected' ? result.reason.reason : 'taken'));
      expect(reasons).toEqual([...Array(3).fill('unavailable'), ...Array(7).fill('busy')]);
      await expect(log.ranges(topic)).rejects.toMatchObject({ name: 'LogUnavailableError' });
      await expect(log.peek({ topic, partition: 0, offset: 0 })).rejects.toMatchObject({ name: 'LogUnavailableError' });
      await restart();
      await log.append(topic, [record, record, record]); // what was refused no longer counts
    }, 60_000);

    test('closing while no broker answers takes some seconds, and leaves nothing behind', async () => {
      const log = await open(3, { appendDeadlineMs: 1000 });
      const reader = await startReader(log, { topic, group: newGroup() });
      await reader.until('begin', () => reader.begins.length === 3);
      await kill();
      const append = log.append(topic, numbered(1)).catch((error: Error) => error.name);
      const startedAt = Date.now();
      await log.close();
      expect(await append).toBe('LogUnavailableError');
      expect(Date.now() - startedAt).toBeLessThan(15_000);
      await reader.consumer.ended;
    }, 60_000);
  },
  { own: true },
);
