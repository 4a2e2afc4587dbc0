import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, makeTopic as makeTopicAt, startKafka } from '@wayline/testkit';
import { type Admin, Kafka, logLevel, Partitioners } from 'kafkajs';
import { keysByPartition, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { EventLog, LogBatch, LogLogger } from '../src/event-log.ts';
import { createKafkaLog, type KafkaLogOptions } from '../src/kafka/index.ts';
import { partitionOf } from '../src/murmur2.ts';
import { expectAllInOrder, readAll, startKeyWriters } from './key-writers.ts';

/** Leaders that move, and replicas that are missing. Node ids are 1, 2 and 3. */
await describeWithKafka(
  'the log on three brokers',
  () => {
    let kafka: KafkaCluster;
    let admin: Admin;
    const closers: (() => Promise<unknown>)[] = [];
    const told: string[] = [];
    const tell = (_: object, message: string) => void told.push(message);
    const logger: LogLogger = { info: tell, warn: tell, error: tell };
    beforeAll(async () => {
      kafka = await startKafka({ brokers: 3, config: { 'min.insync.replicas': '1' } }); // as Kafka comes
      admin = client().admin();
      await admin.connect();
    }, 120_000);
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
      told.length = 0;
    }, 60_000);
    afterAll(async () => {
      await admin?.disconnect();
      await kafka?.close();
    });

    const client = () => new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });

    async function open(topic: string, partitions: number, options: Partial<KafkaLogOptions> = {}): Promise<EventLog> {
      const topics = [{ name: topic, partitions }];
      const log = await createKafkaLog({ brokers: kafka.brokers, topics, logger, ...options });
      closers.push(() => log.close());
      return log;
    }

    async function makeTopic(replicaAssignment: number[][], settings: Record<string, string> = {}): Promise<string> {
      const topic = `three.${randomUUID()}`;
      const configEntries = Object.entries({ 'message.timestamp.type': 'LogAppendTime', ...settings });
      await makeTopicAt(admin, {
        topic,
        replicaAssignment: replicaAssignment.map((replicas, partition) => ({ partition, replicas })),
        configEntries: configEntries.map(([name, value]) => ({ name, value })),
      });
      return topic;
    }

    async function leadersOf(topic: string): Promise<number[]> {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return (topics[0]?.partitions ?? []).sort((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader);
    }

    async function move(topic: string, partition: number, to: number): Promise<void> {
      await admin.alterPartitionReassignments({
        topics: [{ topic, partitionAssignment: [{ partition, replicas: [to] }] }],
      });
      while ((await leadersOf(topic))[partition] !== to) await sleep(50);
    }

    /** A sender that tries again, as ours do. */
    async function untilTaken(append: () => Promise<void>): Promise<void> {
      for (let taken = false; !taken; ) {
        taken = await append().then(
          () => true,
          () => false,
        );
      }
    }

    const valuesIn = async (log: EventLog, topic: string) =>
      (await readAll(log, topic)).map(({ value }) => value).sort();

    test('T6: a partition that has moved to a broker that answers in the same call: its records are sent there', async () => {
      const topic = await makeTopic([[1], [2]]);
      const keys = keysByPartition(2, partitionOf);
      const log = await open(topic, 2);
      const both = (from: number) => keys.flatMap((key) => numbered(1, { key, from }));
      await log.append(topic, both(0)); // the leaders are known from now on
      await move(topic, 1, 1);
      await log.append(topic, both(1));
      expect(await valuesIn(log, topic)).toEqual(['0', '0', '1', '1']);
    }, 60_000);

    test('kafkajs’ send, which is not used here, resolves in that case without having sent them', async () => {
      const topic = await makeTopic([[1], [2]]);
      const producer = client().producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      closers.push(() => producer.disconnect());
      const both = (value: string) => ({ topic, messages: [0, 1].map((partition) => ({ partition, value })) });
      await producer.send(both('before'));
      await move(topic, 1, 1);
      await producer.send(both('after'));
      const log = await open(topic, 2);
      expect(await valuesIn(log, topic)).toEqual(['after', 'before', 'before']);
    }, 60_000);

    test('T6: with fewer replicas in sync than needed, appends get an error, reading goes on, and writing does afterwards', async () => {
      const topic = await makeTopic([[1, 2, 3]], { 'min.insync.replicas': '3' });
      const log = await open(topic, 1, { appendDeadlineMs: 3000, sessionTimeoutMs: 6000 });
      expect(told.join()).toContain('min.insync.replicas=3 and 3 replicas: while one broker is down, nothing can be');
      await log.append(topic, numbered(10));
      let next = 0; // the killed broker may be the one that coordinates the group: begin is then asked anew
      const reader = await startReader(log, {
        topic,
        begin: async () => ({ offset: next }),
        async handle({ nextOffset }) {
          next = nextOffset;
          return nextOffset;
        },
      });
      await reader.until('the first', () => reader.values().length === 10);
      await kafka.kill(2);
      // At first the leader waits for the dead one; then it refuses. Neither is an acknowledgement.
      const reasons: string[] = [];
      while (!reasons.some((reason) => /fewer in-sync replicas than required/.test(reason))) {
        const error = await log.append(topic, [{ key: 'key', value: Buffer.from('refused') }]).then(
          () => new Error('acknowledged'),
          (reason: Error) => reason,
        );
        expect(error).toMatchObject({ name: 'LogUnavailableError', reason: 'unavailable' });
        reasons.push(error.message);
      }
      const other = await makeTopic([[1, 2]], { 'min.insync.replicas': '2' });
      const unharmed = await open(other, 1);
      await unharmed.append(other, numbered(1));

      const again = await open(topic, 1, { appendDeadlineMs: 60_000 });
      const waiting = again.append(topic, numbered(10, { from: 10 })); // taken as soon as all are in sync
      await kafka.restart(2);
      await waiting;
      await log.append(topic, numbered(1, { from: 20 }));
      await reader.until('the last', () => reader.values().at(-1) === '20');
      // What was not acknowledged may be there: it was appended before the replicas were counted again.
      expect(reader.values().filter((value) => value !== 'refused')).toEqual(numbers(21));
    }, 180_000);

    test('T6: a topic whose replicas may lead without being in sync is refused with a sentence', async () => {
      const topic = await makeTopic([[1, 2, 3]], { 'unclean.leader.election.enable': 'true' });
      await expect(open(topic, 1)).rejects.toMatchObject({
        name: 'LogSetupError',
        message: `Kafka topic ${topic} must have unclean.leader.election.enable=false (it has true): a replica that lags behind could become the leader, and acknowledged records would be gone.`,
      });
    }, 60_000);

    test('T6: with two of three brokers gone nothing is acknowledged, and all goes on when they are back', async () => {
      const topic = `three.${randomUUID()}`;
      const log = await open(topic, 3, { replication: 3, appendDeadlineMs: 3000, sessionTimeoutMs: 6000 });
      const keys = keysByPartition(3, partitionOf);
      const each = (from: number) => keys.flatMap((key) => numbered(5, { key, from }));
      await log.append(topic, each(0));
      const reader = await startReader(log, { topic });
      await Promise.all([kafka.kill(1), kafka.kill(2)]);
      const results = await Promise.allSettled(
        keys.map((key) => log.append(topic, [{ key, value: Buffer.from('lost') }])),
      );
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      await kafka.restart(1, 2);
      for (let from = 5; from < 20; from += 5) {
        await untilTaken(() => log.append(topic, each(from)));
      }
      await reader.until('the last', () => [0, 1, 2].every((partition) => reader.values(partition).at(-1) === '19'));
      for (const partition of [0, 1, 2]) {
        const values = reader.values(partition).filter((value) => value !== 'lost');
        expect([...new Set(values)]).toEqual(numbers(20));
      }
    }, 180_000);

    test('T6: acknowledged records are there, in order, when leaders move by kill and by shutdown, until each was away', async () => {
      const topic = `three.${randomUUID()}`;
      const log = await open(topic, 12, { appendDeadlineMs: 60_000, replication: 3, sessionTimeoutMs: 6000 });
      const writers = startKeyWriters(log, { topic, keys: 40 });
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
      expectAllInOrder(await readAll(log, topic), acknowledged);
    }, 240_000);

    test('T6: a topic made with three replicas needs two of them in sync; fewer by someone else’s setting are told', async () => {
      const topic = `three.${randomUUID()}`;
      await open(topic, 12, { replication: 3 });
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
        await open(topic, 12);
        if (told.at(-1)?.includes('min.insync.replicas')) break;
      }
      expect(told.at(-1)).toContain('min.insync.replicas=1');
    }, 90_000);
  },
  { own: true },
);
