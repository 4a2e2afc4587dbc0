import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, makeTopic, openKafkaAdmin, startKafka } from '@wayline/testkit';
import { keysByPartition, numbered } from '../src/contract-suite/index.ts';
import type { EventLog } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';
import { MAX_BATCH_BYTES } from '../src/kafka/topic-settings.ts';
import { partitionOf } from '../src/murmur2.ts';
import { type ProduceWatch, watchProduce } from './produce-watch.ts';

/** What goes over the wire for concurrent appends: three brokers, each of which leads two partitions. */
await describeWithKafka(
  'issue 4.2: concurrent appends share requests',
  () => {
    const keys = keysByPartition(6, partitionOf);
    let kafka: KafkaCluster;
    let topic: string;
    let log: EventLog;
    let watches: ProduceWatch[];
    const closers: (() => Promise<unknown>)[] = [];
    beforeAll(async () => {
      kafka = await startKafka({ brokers: 3, proxied: true });
    }, 120_000);
    afterAll(() => kafka?.close());
    beforeEach(async () => {
      topic = `coalescing.${randomUUID()}`;
      const admin = await openKafkaAdmin(kafka.brokers);
      const replicaAssignment = keys.map((_, partition) => ({ partition, replicas: [1 + (partition % 3)] }));
      const configEntries = [
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
        { name: 'min.insync.replicas', value: '1' },
      ];
      await makeTopic(admin, { topic, replicaAssignment, configEntries });
      await admin.disconnect();
      watches = kafka.proxies.map(watchProduce);
      log = await createKafkaLog({ brokers: kafka.brokers, topics: [{ name: topic, partitions: 6 }] });
      closers.push(() => log.close());
      await log.append(
        topic,
        keys.flatMap((key) => numbered(1, { key })),
      ); // the connections are made
      for (const watch of watches) watch.forget();
    }, 60_000);
    afterEach(async () => {
      for (const proxy of kafka.proxies) proxy.slow(0);
      for (const close of closers.splice(0).reverse()) await close();
      for (const proxy of kafka.proxies) proxy.watch({});
    }, 60_000);

    test('T7: one is in flight to each leader, and what comes meanwhile makes up the next; leaders are served side by side', async () => {
      for (const proxy of kafka.proxies) proxy.slow(10);
      const startedAt = performance.now();
      let together = 0;
      const appends: Promise<void>[] = [];
      for (let i = 0; i < 900; i++) {
        appends.push(log.append(topic, numbered(1, { key: keys[i % 6] as string, from: i })));
        if (i % 30 === 0) await sleep(1);
        together = Math.max(together, watches.filter((watch) => watch.unanswered() > 0).length);
      }
      await Promise.all(appends);
      const tookMs = performance.now() - startedAt;
      for (const { requests, mostUnanswered } of watches) {
        expect(mostUnanswered()).toBe(1);
        // Each takes 20 ms at least there and back; a request for each append would be 300.
        expect(requests.length).toBeLessThanOrEqual(2 + tookMs / 20);
        expect(requests.length).toBeLessThan(60);
        expect(Math.max(...requests.map(({ batches }) => batches.length))).toBe(2); // both partitions of the leader
      }
      expect(together).toBe(3);
      const ends = (await log.ranges(topic)).map(({ end }) => end);
      expect(ends).toEqual(Array(6).fill(151));
    }, 60_000);

    test('a leader that is slow holds up its own partitions only', async () => {
      kafka.proxies[1]?.slow(1500);
      const slow = log.append(topic, numbered(1, { key: keys[1] as string, from: 1 }));
      let slowIsDone = false;
      void slow.then(() => {
        slowIsDone = true;
      });
      for (let i = 1; i < 20; i++) {
        await Promise.all(
          [0, 2, 3, 5].map((at) => log.append(topic, numbered(1, { key: keys[at] as string, from: i }))),
        );
      }
      expect(slowIsDone).toBe(false);
      await slow;
    }, 60_000);

    test('no batch is over 900 KB, and no request many of them; an append of several is resolved after the last', async () => {
      const records = (key: string) => Array.from({ length: 1500 }, () => ({ key, value: Buffer.alloc(4000) }));
      await Promise.all(keys.map((key) => log.append(topic, records(key)))); // 36 MB, of six sessions
      for (const { requests } of watches) {
        const batches = requests.flatMap((request) => request.batches);
        expect(Math.max(...batches)).toBeLessThanOrEqual(MAX_BATCH_BYTES);
        expect(Math.max(...batches)).toBeGreaterThan(0.9 * MAX_BATCH_BYTES); // few large ones
        expect(Math.max(...requests.map(({ bytes }) => bytes))).toBeLessThan(4 * 1024 * 1024);
      }
      expect((await log.ranges(topic)).map(({ end }) => end)).toEqual(Array(6).fill(1501));
    }, 60_000);

    test('an append alone waits for nobody: there is no linger where nothing else comes', async () => {
      const [watch] = watches;
      let leastMs = Number.POSITIVE_INFINITY;
      for (let i = 1; i < 50; i++) {
        const calledAt = performance.now();
        await log.append(topic, numbered(1, { key: keys[0] as string, from: i }));
        leastMs = Math.min(leastMs, (watch?.requests.at(-1)?.atMs ?? calledAt) - calledAt);
      }
      expect(watch?.requests).toHaveLength(49);
      expect(leastMs).toBeLessThan(2); // a timer of a few ms would show in every one
    }, 60_000);
  },
  { own: true },
);
