import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog, LogBatch } from '@wayline/event-log';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { createPool } from '@wayline/store';
import {
  deleteTopics,
  describeWithKafka,
  type KafkaAdmin,
  type KafkaCluster,
  makeTopic,
  openKafkaAdmin,
  startKafka,
} from '@wayline/testkit';
import { appendTo, many, startScene, until, type WorkerScene } from './worker-scene.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

await describeWithKafka(
  'positions, held against a Kafka that has changed',
  () => {
    let kafka: KafkaCluster;
    let admin: KafkaAdmin;
    let scene: WorkerScene;
    const PARTITIONS = 2;
    const topics = [TOPICS.events, TOPICS.direct];

    /** Of each test its own: the broker, which all of them share, keeps what a group told it. */
    let group: string;

    beforeAll(async () => {
      kafka = await startKafka();
      admin = await openKafkaAdmin(kafka.brokers);
    }, 120_000);
    beforeEach(async () => {
      group = `positions.${randomUUID()}`;
      scene = await startScene({ log: await openLog() });
      closers.push(() => scene.close());
    }, 60_000);
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
      await deleteTopics(admin, topics); // the next begins on empty ones
    }, 60_000);
    afterAll(async () => {
      await admin?.disconnect();
      await kafka?.close();
    });

    async function openLog(generation = 1): Promise<EventLog> {
      const log = await createKafkaLog({
        brokers: kafka.brokers,
        topics: topics.map((name) => ({ name, partitions: PARTITIONS })),
        sessionTimeoutMs: 10_000,
        generation,
      });
      closers.push(() => log.close());
      return log;
    }

    /** Deletes the topic of events, and makes it again, empty. */
    async function makeTopicAgain(): Promise<void> {
      await deleteTopics(admin, [TOPICS.events]);
      const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
      await makeTopic(admin, { topic: TOPICS.events, numPartitions: PARTITIONS, configEntries });
      const append = () =>
        appendTo(scene.log, many(1)).then(
          () => true,
          () => false,
        );
      await until('the new topic', append);
    }

    /** As the log's own retention does with all that is in it. */
    async function expireAll(): Promise<void> {
      const partitions = (await scene.log.ranges(TOPICS.events)).map(({ partition, end }) => ({
        partition,
        offset: String(end),
      }));
      await admin.fetchTopicOffsets(TOPICS.events); // without it kafkajs does not know the topic
      await admin.deleteTopicRecords({ topic: TOPICS.events, partitions });
    }

    test('T11: what expired unread is counted, said loudly, and the partition goes on', async () => {
      const worker = await scene.startWorker({ group });
      const read = many(40);
      await scene.append(read);
      await scene.allRead();
      await worker.stop();
      await scene.append(many(60));
      await expireAll();
      await scene.startWorker({ group });
      const alarm = await scene.untilTold('records were deleted by the retention of the log before they were read');
      expect(alarm.level).toBe('error');
      const after = many(30);
      await scene.append(after);
      await scene.allRead();
      await scene.expectExactlyOnce([...read, ...after]);
      expect(await scene.number('SELECT sum(expired) FROM ledger')).toBe(60);
      const told = scene.told.filter(({ message }) => message.includes('retention of the log before'));
      expect(told.reduce((sum, { fields }) => sum + Number(fields.expired), 0)).toBe(60);
    }, 90_000);

    test('T11, T13: so it is for a worker that runs on, whose PostgreSQL was held up for longer than the log keeps records', async () => {
      await scene.startWorker({ group });
      const read = many(20, { sessionId: 's-one' }); // all in one partition
      await scene.append(read);
      await scene.allRead();
      const holder = await scene.pool.connect();
      await holder.query('BEGIN; LOCK TABLE sessions IN EXCLUSIVE MODE');
      const inHand = many(10, { sessionId: 's-one' });
      await scene.append(inHand);
      await scene.untilSomebodyWaits();
      await scene.append(many(60, { sessionId: 's-one' }));
      await expireAll();
      await holder.query('COMMIT');
      holder.release();
      const alarm = await scene.untilTold('records were deleted by the retention of the log before they were read');
      expect(alarm).toMatchObject({ level: 'error', fields: { topic: TOPICS.events, expired: 60 } });
      const after = many(30, { sessionId: 's-one' });
      await scene.append(after);
      await scene.allRead();
      await scene.expectExactlyOnce([...read, ...inHand, ...after]);
      expect(await scene.number('SELECT sum(expired) FROM ledger')).toBe(60);
    }, 90_000);

    test.each([
      { how: 'shorter than the position', again: 5, alarm: 'lies after the end' },
      { how: 'longer than the position', again: 300, alarm: 'is not the one that was read there' },
    ])(
      'T6: a topic made again, $how, stops with an alarm; a new generation reads it from its start',
      async ({ again, alarm }) => {
        const worker = await scene.startWorker({ group });
        const before = many(100, { sessionId: 's-one' }); // all in one partition
        await scene.append(before);
        await scene.allRead();
        await worker.stop();
        await makeTopicAgain();
        await until('the records of the new topic', async () => {
          await appendTo(scene.log, many(5, { sessionId: 's-one' }));
          const ranges = await scene.log.ranges(TOPICS.events);
          return Math.max(...ranges.map(({ end }) => end)) >= again;
        });
        const second = await scene.startWorker({ group });
        expect(await scene.untilTold(alarm)).toMatchObject({ level: 'error' });
        expect(await scene.number(`SELECT count(*) FROM events WHERE session_id = 's-one'`)).toBe(100);
        await second.stop();

        const next = await openLog(2);
        await scene.startWorker({ group, log: next });
        const ends = (await next.ranges(TOPICS.events)).reduce((sum, { end }) => sum + end, 0);
        const read = `SELECT coalesce(sum(next_offset), 0) FROM positions WHERE log_id = '${next.id}' AND topic = '${TOPICS.events}'`;
        await until('the new generation to be read', async () => (await scene.number(read)) === ends);
        expect(await scene.number('SELECT sum(stored) FROM ledger')).toBe(100 + ends);
        expect(await scene.number('SELECT count(*) FROM events')).toBe(100 + ends);
      },
      120_000,
    );

    test('a group that had not told Kafka how far it was does so when it comes back', async () => {
      const committed = async () => {
        const offsets = await admin.fetchOffsets({ groupId: group, topics: [TOPICS.events] });
        return offsets[0]?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
      };
      await scene.append(many(50));
      const worker = await scene.startWorker({ group });
      await scene.allRead();
      await worker.stop();
      await until(
        'the group to be empty',
        async () => (await admin.describeGroups([group])).groups[0]?.state === 'Empty',
      );
      const reset = [0, 1].map((partition) => ({ partition, offset: '0' })); // as if it had been killed before it told
      await admin.setOffsets({ groupId: group, topic: TOPICS.events, partitions: reset });
      expect(await committed()).toBe(0);
      await scene.startWorker({ group });
      await until('the committed offsets', async () => (await committed()) === 50);
    }, 90_000);
  },
  { own: true },
);

describe('positions, and a PostgreSQL that has changed', () => {
  let scene: WorkerScene;
  beforeEach(async () => {
    scene = await startScene();
    closers.push(() => scene.close());
  });

  test('O12: a database restored to an earlier moment catches up from the log, with nothing lost or doubled', async () => {
    const first = many(200);
    const worker = await scene.startWorker();
    await scene.append(first);
    await scene.allRead();
    await worker.stop();
    await admin(`CREATE DATABASE $snapshot TEMPLATE $database`);
    closers.push(() => admin('DROP DATABASE IF EXISTS $snapshot WITH (FORCE)'));

    const second = many(200);
    const later = await scene.startWorker();
    await scene.append(second);
    await scene.allRead();
    await later.stop();
    await scene.expectExactlyOnce([...first, ...second]);
    await admin('DROP DATABASE $database WITH (FORCE)');
    await admin('CREATE DATABASE $database TEMPLATE $snapshot');
    expect(
      await scene.number('SELECT count(*) FROM events').catch(() => scene.number('SELECT count(*) FROM events')),
    ).toBe(200);

    await scene.startWorker();
    const third = many(50);
    await scene.append(third);
    await scene.allRead();
    await scene.expectExactlyOnce([...first, ...second, ...third]);
    expect(await scene.number('SELECT sum(read) FROM ledger')).toBe(450);
    expect(await scene.number('SELECT sum(duplicate) FROM ledger')).toBe(0);
  });

  /** A statement on another database of the server, while nobody is connected to ours. */
  async function admin(statement: string): Promise<void> {
    const url = new URL(scene.databaseUrl);
    const database = url.pathname.slice(1);
    url.pathname = '/postgres';
    const server = createPool({ url: url.href, max: 1, applicationName: 'test' });
    try {
      const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`;
      await server.query(others);
      await until('nobody to be connected', async () => (await server.query(others)).rowCount === 0);
      await server.query(statement.replaceAll('$database', database).replaceAll('$snapshot', `${database}_snapshot`));
    } finally {
      await server.end();
    }
  }

  test('T6: a batch that overtook its seek, and begins after an offset not read, is refused and fetched again', async () => {
    const events = many(300, { sessionId: 's-one' });
    await scene.append(events);
    let overtaken = 0;
    /** The same log, but that the first batches come from further on than was asked for. */
    const hasty: EventLog = {
      ...scene.log,
      consume: (options) =>
        scene.log.consume({
          ...options,
          maxRecords: 100,
          handle: (batch, lease) => {
            if (overtaken++ >= 2) return options.handle(batch, lease);
            const records = batch.records.slice(30);
            const further: LogBatch = { ...batch, records, firstOffset: records[0]?.offset as number };
            return options.handle(further, lease);
          },
        }),
    };
    await scene.startWorker({ log: hasty });
    await scene.allRead();
    expect(overtaken).toBeGreaterThan(2);
    expect(await scene.untilTold('the stored position was elsewhere')).toMatchObject({
      fields: { firstOffset: 30, nextOffset: 0 },
    });
    await scene.expectExactlyOnce(events);
    expect(await scene.number('SELECT sum(read) FROM ledger')).toBe(300);
  });
});
