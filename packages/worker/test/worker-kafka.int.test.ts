import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type IdentifiedEvent, type LoggedEvent, TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { createVerifier } from '@wayline/identity/verify';
import { createPool } from '@wayline/store';
import {
  deleteTopics,
  describeWithKafka,
  identifiedEvent,
  type KafkaCluster,
  openKafkaAdmin,
  startKafka,
} from '@wayline/testkit';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { createWorker, type Worker } from '../src/index.ts';

const PARTITIONS = 12;
const topics = [TOPICS.events, TOPICS.direct];
const verifier = createVerifier({ secrets: ['a secret of more than thirty-two characters'] });
const quiet = { info() {}, warn() {}, error() {} };

const closers: (() => Promise<unknown>)[] = [];
let kafka: KafkaCluster;
let pool: pg.Pool;
let group: string;

beforeEach(async () => {
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  pool = createPool({ url: database.url, max: 10, applicationName: 'test' });
  closers.push(() => pool.end());
  group = `group-${randomUUID()}`;
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 120_000);

async function openLog(): Promise<EventLog> {
  const log = await createKafkaLog({
    brokers: kafka.brokers,
    clientId: 'test',
    topics: topics.map((name) => ({ name, partitions: PARTITIONS })),
    sessionTimeoutMs: 10_000,
    logger: quiet,
  });
  closers.push(() => log.close());
  return log;
}

async function openWorker(): Promise<{ log: EventLog; worker: Worker }> {
  const log = await openLog();
  const worker = createWorker({ log, pool, group, verifier, logger: quiet });
  closers.push(() => worker.stop());
  await worker.start();
  return { log, worker };
}

const append = (log: EventLog, events: readonly IdentifiedEvent[]) =>
  log.append(
    TOPICS.events,
    events.map((event) => {
      const value: LoggedEvent = { project: 1, receivedAt: Date.now(), event };
      return { key: event.sessionId, value: Buffer.from(JSON.stringify(value)) };
    }),
  );
const many = (count: number) => Array.from({ length: count }, (_, i) => identifiedEvent({ sessionId: `s-${i % 97}` }));
const numberOf = async (sql: string): Promise<number> => Number((await pool.query(`SELECT (${sql}) AS n`)).rows[0].n);

async function allRead(log: EventLog): Promise<void> {
  for (;;) {
    const ends = await log.ranges(TOPICS.events);
    const end = ends.reduce((sum, range) => sum + range.end, 0);
    const read = await numberOf(`SELECT coalesce(sum(next_offset), 0) FROM positions WHERE topic = '${TOPICS.events}'`);
    if (read >= end) return;
  }
}

async function expectExactlyOnce(events: readonly IdentifiedEvent[]): Promise<void> {
  const { rows } = await pool.query<{ event_id: string }>('SELECT event_id FROM events ORDER BY event_id');
  expect(rows.map(({ event_id }) => event_id)).toEqual(events.map(({ eventId }) => eventId).sort());
  expect(await numberOf('SELECT sum(read) - sum(stored + duplicate + dead_lettered) FROM ledger')).toBe(0);
  expect(await numberOf('SELECT sum(event_count) FROM sessions')).toBe(events.length);
}

await describeWithKafka(
  'the worker on Kafka',
  () => {
    beforeAll(async () => {
      kafka = await startKafka();
    }, 120_000);
    beforeEach(() => {
      closers.push(async () => {
        const admin = await openKafkaAdmin(kafka.brokers);
        await deleteTopics(admin, topics); // the next test begins on empty ones
        await admin.disconnect();
      });
    });
    afterAll(() => kafka?.close());

    test('O2, T6: a worker that lost its partitions in the middle of a transaction is fenced', async () => {
      const first = await openWorker();
      const events = many(600);
      await append(first.log, events.slice(0, 300));
      await allRead(first.log);

      // Hold the transaction: the rows of the next batches wait for the sessions table, after the positions were moved.
      const holder = await pool.connect();
      await holder.query('BEGIN; LOCK TABLE sessions IN EXCLUSIVE MODE');
      await append(first.log, events.slice(300));
      while (
        (await numberOf(
          `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )) === 0
      );
      // Move the partitions: another worker of the group reads from the stored positions, and waits at the fence.
      const second = await openWorker();
      // Release: whoever commits first has moved the positions, and the other's transaction must not count.
      await holder.query('COMMIT');
      holder.release();
      await allRead(second.log);
      await expectExactlyOnce(events);
      expect(await numberOf('SELECT sum(duplicate) FROM ledger')).toBe(0);

      const more = many(300);
      await append(second.log, more);
      await allRead(second.log);
      await expectExactlyOnce([...events, ...more]);
    }, 120_000);

    test('T13: a broker that was gone and came back is survived without a restart', async () => {
      const { log } = await openWorker();
      const before = many(100);
      await append(log, before);
      await allRead(log);
      await kafka.kill(0);
      await kafka.restart(0);
      const after = many(100);
      for (;;) {
        try {
          await append(log, after);
          break;
        } catch {
          // not acknowledged: sent again
        }
      }
      await allRead(log);
      await expectExactlyOnce([...before, ...after]);
    }, 120_000);
  },
  { own: true },
);
