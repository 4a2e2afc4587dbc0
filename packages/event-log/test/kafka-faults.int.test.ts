import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, startKafka } from '@wayline/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { keysByPartition, newGroup, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { EventLog, LogBatch, LogLogger } from '../src/event-log.ts';
import { createKafkaLog, type KafkaLogOptions } from '../src/kafka/index.ts';
import { partitionOf } from '../src/murmur2.ts';

/** Brokers that die, stand still and come back. */
await describeWithKafka(
  'the log while Kafka fails',
  () => {
    const topic = 'events';
    let kafka: KafkaCluster;
    const closers: (() => Promise<unknown>)[] = [];
    const told: string[] = [];
    const tell = (_: object, message: string) => void told.push(message);
    const logger: LogLogger = { info: tell, warn: tell, error: tell };
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
      told.length = 0;
    }, 60_000);

    async function start(
      brokers: 1 | 3 = 1,
      options: Partial<KafkaLogOptions> = {},
      partitions = 12,
    ): Promise<EventLog> {
      kafka = await startKafka({ brokers });
      closers.push(() => kafka.close());
      return open(options, partitions);
    }

    async function open(options: Partial<KafkaLogOptions> = {}, partitions = 12): Promise<EventLog> {
      const topics = [{ name: topic, partitions }];
      const log = await createKafkaLog({ brokers: kafka.brokers, topics, sessionTimeoutMs: 6000, logger, ...options });
      closers.push(() => log.close());
      return log;
    }

    async function readAll(log: EventLog): Promise<{ key: string; value: string }[]> {
      const wanted = (await log.ranges(topic)).reduce((sum, { end }) => sum + end, 0);
      const reader = await startReader(log, { topic });
      await reader.until('everything', () => reader.count() >= wanted);
      await reader.consumer.close();
      return reader.batches.flatMap((batch) =>
        batch.records.map((r) => ({ key: String(r.key), value: String(r.value) })),
      );
    }

    /** Writers of a key each, that always have some records under way, in the order of their numbers. */
    function startWriters(log: EventLog, count: number) {
      const acknowledged = new Map<string, number>();
      const rejected: unknown[] = [];
      let stopped = false;
      const write = async (key: string) => {
        const underWay: Promise<void>[] = [];
        for (let i = 0; !stopped; i++) {
          underWay.push(
            log.append(topic, [{ key, value: Buffer.from(String(i)) }]).then(
              () => void acknowledged.set(key, i + 1),
              (error) => void rejected.push(error),
            ),
          );
          if (underWay.length === 20) await underWay.shift();
          if (i % 3 === 0) await sleep(1); // so that a key's records are in the request under way, and in the next
        }
        await Promise.all(underWay);
      };
      const writers = Array.from({ length: count }, (_, i) => write(`session-${i}`));
      return {
        total: () => [...acknowledged.values()].reduce((sum, n) => sum + n, 0),
        /** Resolves once so many more were acknowledged. */
        async more(wanted: number): Promise<void> {
          for (const target = this.total() + wanted; this.total() < target; ) await sleep(20);
        },
        /** What was acknowledged of each key, when all is settled: everything. */
        async stop(): Promise<Map<string, number>> {
          stopped = true;
          await Promise.all(writers);
          expect(rejected).toEqual([]);
          return acknowledged;
        },
      };
    }

    /** Of each key all that was acknowledged is there, and each value stands for the first time in the order of sending. */
    function expectAllInOrder(records: { key: string; value: string }[], acknowledged: Map<string, number>): void {
      for (const [key, count] of acknowledged) {
        const first = [...new Set(records.filter((record) => record.key === key).map(({ value }) => Number(value)))];
        expect(first.slice(0, count)).toEqual(Array.from({ length: count }, (_, i) => i));
      }
    }

    test('T6: acknowledged records are there, in order, after a broker was killed under load, twice', async () => {
      const log = await start(1, { appendDeadlineMs: 60_000 });
      const writers = startWriters(log, 40);
      for (let round = 0; round < 2; round++) {
        await writers.more(2000);
        await kafka.kill(0);
        await kafka.restart(0);
      }
      await writers.more(2000);
      const acknowledged = await writers.stop();
      expectAllInOrder(await readAll(log), acknowledged);
      expect(told).toContain('Kafka takes records again');
    }, 180_000);

    test('T6: the same when leaders move between three brokers, by kill and by shutdown, until each was away', async () => {
      const log = await start(3, { appendDeadlineMs: 60_000, replication: 3 });
      const writers = startWriters(log, 40);
      const reader = await startReader(log, { topic });
      for (const i of [0, 1, 2]) {
        await writers.more(1000);
        await (i === 1 ? kafka.stop(i) : kafka.kill(i));
        await writers.more(1000); // while the broker is away
        await kafka.restart(i);
      }
      await writers.more(1000);
      const acknowledged = await writers.stop();
      const wanted = (await log.ranges(topic)).reduce((sum, { end }) => sum + end, 0);
      const read = new Set<string>();
      let looked = 0; // some records may be handed over twice, after a broker was away
      await reader.until('everything', () => {
        for (; looked < reader.batches.length; looked++) {
          const { partition, records } = reader.batches[looked] as LogBatch;
          for (const { offset } of records) read.add(`${partition}/${offset}`);
        }
        return read.size === wanted;
      });
      expectAllInOrder(await readAll(log), acknowledged);
    }, 240_000);

    test('T6: a topic made with three replicas needs two of them in sync; fewer by someone else’s setting are told', async () => {
      kafka = await startKafka({ brokers: 3, config: { 'min.insync.replicas': '1' } }); // as Kafka comes
      closers.push(() => kafka.close());
      await open({ replication: 3 });
      const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      closers.push(() => admin.disconnect());
      const resource = { type: 2, name: topic };
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ ...resource, configNames: ['min.insync.replicas'] }],
      });
      expect(resources[0]?.configEntries[0]?.configValue).toBe('2');
      const configEntries = [
        { name: 'min.insync.replicas', value: '1' },
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
      ];
      await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
      expect(told.join()).not.toContain('min.insync.replicas');
      // The broker that is asked hears of the change a little later than the one that made it.
      for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
        await open();
        if (told.at(-1)?.includes('min.insync.replicas')) break;
      }
      expect(told.at(-1)).toContain('min.insync.replicas=1');
    }, 90_000);

    test('a consumer that Kafka does not hear any more lets its partitions go, and takes them up again', async () => {
      const log = await start(1, {}, 2);
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
      const log = await start(1, {}, 2);
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
      await kafka.kill(0);
      await sleep(8000); // longer than the session, and than kafkajs tries by itself
      await kafka.restart(0);
      await append(20);
      await reader.until('the records after', () => reader.values().length === 80);
      expect([reader.values(0), reader.values(1)]).toEqual([numbers(40), numbers(40)]);
    }, 120_000);

    test('a broker that stands still: 503 in time, its bytes counted until it moves again, nothing lost after', async () => {
      const log = await start(1, { appendDeadlineMs: 2000, maxBytesInFlight: 1_000_000 }, 1);
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
      const values = (await readAll(log)).map(({ value }) => value).filter((value) => value.length < 10);
      expect([...new Set(values)]).toEqual(['0', '1']);
    }, 60_000);

    test('while no broker answers, appends are refused in time, memory is bounded, and reading says so', async () => {
      const log = await start(1, { appendDeadlineMs: 1500, maxBytesInFlight: 100_000 }, 3);
      await kafka.kill(0);
      const record = { key: 'key', value: Buffer.alloc(30_000) };
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => log.append(topic, [record])));
      const reasons = results.map((result) => (result.status === 'rejected' ? result.reason.reason : 'taken'));
      expect(reasons).toEqual([...Array(3).fill('unavailable'), ...Array(7).fill('busy')]);
      await expect(log.ranges(topic)).rejects.toMatchObject({ name: 'LogUnavailableError' });
      await expect(log.peek({ topic, partition: 0, offset: 0 })).rejects.toMatchObject({ name: 'LogUnavailableError' });
      await kafka.restart(0);
      await log.append(topic, [record, record, record]); // what was refused no longer counts
    }, 60_000);

    test('closing while no broker answers takes some seconds, and leaves nothing behind', async () => {
      const log = await start(1, { appendDeadlineMs: 1000 }, 3);
      const reader = await startReader(log, { topic, group: newGroup() });
      await reader.until('begin', () => reader.begins.length === 3);
      await kafka.kill(0);
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
