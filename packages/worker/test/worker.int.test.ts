import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type IdentifiedEvent, type LoggedEvent, TOPICS, uuidV7 } from '@wayline/contracts';
import type { EventLog, NewRecord } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { createPool } from '@wayline/store';
import { type ProxiedConnection, startTcpProxy, type TcpProxyOptions } from '@wayline/testkit';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { createWorker, type Worker } from '../src/index.ts';

const SECRET = 'a secret of more than thirty-two characters';
const KEY = formatWriteKey({ projectId: 1, keyId: 'k1', allowImport: false }, SECRET);
const verifier = createVerifier({ secrets: [SECRET] });
const GROUP = 'wayline';
const PARTITIONS = 4;

const closers: (() => Promise<unknown>)[] = [];
const problems: string[] = [];
const logger = {
  info() {},
  warn() {},
  error: (_fields: object, message: string) => void problems.push(message),
};
let log: EventLog;
let pool: pg.Pool;
let databaseUrl: string;

beforeEach(async () => {
  problems.length = 0;
  const folder = await mkdtemp(join(tmpdir(), 'wayline-worker-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  databaseUrl = database.url;
  pool = createPool({ url: databaseUrl, max: 5, applicationName: 'test' });
  closers.push(() => pool.end());
  log = await createEmbeddedLog({
    folder,
    topics: [
      { name: TOPICS.events, partitions: PARTITIONS },
      { name: TOPICS.direct, partitions: PARTITIONS },
    ],
  });
  closers.push(() => log.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startWorker(workersPool = pool): Promise<Worker> {
  const worker = createWorker({ log, pool: workersPool, group: GROUP, verifier, logger });
  await worker.start();
  closers.push(() => worker.stop());
  return worker;
}

const eventOf = (given: Partial<IdentifiedEvent> = {}): IdentifiedEvent => ({
  eventId: uuidV7(Date.now()),
  sessionId: `s-${Math.floor(Math.random() * 50)}`,
  type: 'pageVisit',
  occurredAt: new Date().toISOString(),
  ...given,
});

function recordOf(event: IdentifiedEvent): NewRecord {
  const value: LoggedEvent = { project: 1, receivedAt: Date.now(), event };
  return { key: event.sessionId, value: Buffer.from(JSON.stringify(value)) };
}

const append = (events: readonly IdentifiedEvent[]) => log.append(TOPICS.events, events.map(recordOf));
const many = (count: number, given: Partial<IdentifiedEvent> = {}) =>
  Array.from({ length: count }, () => eventOf(given));
const one = async <T>(sql: string): Promise<T> => (await pool.query(`SELECT (${sql}) AS value`)).rows[0].value as T;

/** Asks again and again until it holds; rejects after 20 s, so that no loop outlives its test. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(5)) if (await holds()) return;
  throw new Error(`Still waiting for: ${what}`);
}

/** Resolves when the stored positions have reached the ends of the log. */
function allRead(): Promise<void> {
  return until('everything read', async () => {
    const ends = (await Promise.all([log.ranges(TOPICS.events), log.ranges(TOPICS.direct)])).flat();
    const { rows } = await pool.query<{ topic: string; partition: number; next: string }>(
      'SELECT topic, partition, next_offset::text AS next FROM positions',
    );
    const behind = ends.filter(({ topic, partition, end }) => {
      const row = rows.find((r) => r.topic === topic && r.partition === partition);
      return Number(row?.next ?? -1) < end;
    });
    return behind.length === 0;
  });
}

async function expectExactlyOnce(events: readonly IdentifiedEvent[]): Promise<void> {
  const { rows } = await pool.query<{ event_id: string }>('SELECT event_id FROM events ORDER BY event_id');
  expect(rows.map(({ event_id }) => event_id)).toEqual(events.map(({ eventId }) => eventId).sort());
  const { rows: sums } = await pool.query(
    `SELECT sum(read)::int - sum(stored + duplicate + dead_lettered + erased)::int AS unbalanced, sum(stored)::int AS stored FROM ledger`,
  );
  expect(sums).toEqual([{ unbalanced: 0, stored: events.length }]);
  expect(Number(await one('SELECT coalesce(sum(event_count), 0) FROM sessions'))).toBe(events.length);
}

describe('from the log into PostgreSQL', () => {
  test('the first start begins at the start of the log, and later events follow at once', async () => {
    const before = many(500);
    await append(before);
    await startWorker();
    await allRead();
    const after = many(100);
    await append(after);
    await allRead();
    await expectExactlyOnce([...before, ...after]);
  });

  test('T4: both topics are stored; what a service got wrong stops nothing', async () => {
    await startWorker();
    const good = eventOf({ eventId: undefined as never });
    await log.append(TOPICS.direct, [
      { key: 's', value: Buffer.from('rubbish'), headers: { 'wayline-key': KEY } },
      { key: 's', value: Buffer.from(JSON.stringify(good)), headers: { 'wayline-key': 'wlk_1_k1_w_0' } },
      { key: 's', value: Buffer.from(JSON.stringify(good)), headers: { 'wayline-key': KEY } },
    ]);
    await append(many(5));
    await allRead();
    expect(Number(await one('SELECT count(*) FROM events'))).toBe(6);
    const { rows } = await pool.query('SELECT code, project_id FROM dead_letters ORDER BY log_offset');
    expect(rows).toEqual([
      { code: 'unreadable', project_id: 1 },
      { code: 'unknown_key', project_id: 0 },
    ]);
  });

  test('T13: a row that PostgreSQL can never hold is dead-lettered alone, with its bytes', async () => {
    const tooLong = eventOf({ sessionId: randomBytes(9000).toString('hex') }); // no index takes a key of 18 kB
    const fine = many(300);
    await append([...fine.slice(0, 150), tooLong, ...fine.slice(150)]);
    await startWorker();
    await allRead();
    const { rows } = await pool.query('SELECT code, event_id, record_value FROM dead_letters');
    expect(rows).toEqual([{ code: 'unstorable', event_id: tooLong.eventId, record_value: expect.any(Buffer) }]);
    expect(rows[0].record_value.toString()).toContain(tooLong.sessionId);
    expect(Number(await one('SELECT count(*) FROM events'))).toBe(300);
  });

  test('O8: stop finishes the batch in hand, and a new worker goes on behind it', async () => {
    const events = many(200, { sessionId: 's-held' });
    const holder = await pool.connect();
    await holder.query(`BEGIN; LOCK TABLE sessions IN EXCLUSIVE MODE`);
    await append(events);
    const worker = await startWorker();
    await untilSomebodyWaits();
    const stopped = worker.stop();
    await holder.query('COMMIT');
    holder.release();
    await stopped;
    await expectExactlyOnce(events);
    const more = many(50);
    await append(more);
    await startWorker();
    await allRead();
    await expectExactlyOnce([...events, ...more]);
  });
});

const untilSomebodyWaits = () =>
  until('a waiting transaction', async () => {
    const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    return Number(await one(waiting)) > 0;
  });

describe('T6: positions', () => {
  async function proxiedPool(hooks: Pick<TcpProxyOptions, 'onRequest' | 'onAnswer'>) {
    const url = new URL(databaseUrl);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port), ...hooks });
    closers.push(() => proxy.close());
    url.port = String(proxy.port);
    const proxied = createPool({ url: url.href, max: 5, applicationName: 'proxied' });
    closers.push(() => proxied.end());
    return { proxy, pool: proxied };
  }

  test.each([
    ['after the COMMIT arrived: the position says that it committed, nothing is doubled', 'onAnswer'],
    ['before the COMMIT arrived: the batch is written again, nothing is lost', 'onRequest'],
  ] as const)('a connection lost %s', async (_name, moment) => {
    let lost = 0;
    const { pool: proxied } = await proxiedPool({
      [moment](chunk: Buffer, connection: ProxiedConnection) {
        if (!chunk.includes('COMMIT\0') || lost === 3) return;
        lost++;
        connection.dropAnswers();
        connection.cut();
      },
    });
    const events = many(400);
    await append(events);
    await startWorker(proxied);
    await allRead();
    expect(lost).toBe(3);
    await expectExactlyOnce(events);
    expect(Number(await one('SELECT sum(read) FROM ledger'))).toBe(400);
  });

  test('T5, T13: PostgreSQL away is waited out', async () => {
    const { proxy, pool: proxied } = await proxiedPool({});
    await startWorker(proxied);
    const events = many(300);
    await append(events.slice(0, 100));
    await allRead();
    proxy.cutAll();
    await append(events.slice(100));
    proxy.resume();
    await allRead();
    await expectExactlyOnce(events);
  });

  test('a failed compare is followed: forward past what another worker stored, back to a restored position', async () => {
    const events = many(100, { sessionId: 's-same' });
    await append(events);
    const worker = await startWorker();
    await allRead();
    const { rows } = await pool.query(`SELECT topic, partition, next_offset FROM positions WHERE next_offset > 0`);
    const [{ topic, partition }] = rows;
    // As if an older database had been restored under the running worker: rows and positions of the last 40 are gone.
    await pool.query(`DELETE FROM events WHERE batch_index >= 60`);
    await pool.query(
      `TRUNCATE sessions, ledger; UPDATE positions SET next_offset = 0, last_offset = NULL WHERE topic = '${topic}' AND partition = ${partition}`,
    );
    await append(
      many(1, { sessionId: 's-same' }).map((event) => ({
        ...event,
        eventId: events[0]?.eventId as string,
        occurredAt: events[0]?.occurredAt,
      })),
    );
    await allRead();
    expect(Number(await one('SELECT count(*) FROM events'))).toBe(100);
    expect(Number(await one('SELECT sum(read) FROM ledger'))).toBe(101);
    await worker.stop();
  });

  test('a position after the end of the log stops its partition with an alarm, and no other', async () => {
    await append(many(100));
    const worker = await startWorker();
    await allRead();
    await worker.stop();
    await pool.query(`UPDATE positions SET next_offset = 10_000 WHERE topic = $1 AND partition = 0`, [TOPICS.events]);
    await startWorker();
    const fresh = many(100);
    await append(fresh);
    const others = (await log.ranges(TOPICS.events)).filter(({ partition }) => partition !== 0);
    const stored = () =>
      one<string>(`SELECT sum(next_offset) FROM positions WHERE topic = '${TOPICS.events}' AND partition <> 0`);
    const expected = others.reduce((sum, { end }) => sum + end, 0);
    await until('the other partitions', async () => Number(await stored()) >= expected);
    expect(problems.join()).toContain('after the end');
  });

  test('another record before the position than the one that was read stops the partition with an alarm', async () => {
    await append(many(100));
    const worker = await startWorker();
    await allRead();
    await worker.stop();
    await pool.query(`UPDATE positions SET last_checksum = last_checksum # 1 WHERE topic = $1 AND partition = 1`, [
      TOPICS.events,
    ]);
    await startWorker();
    await until('the alarm', async () => {
      await log.ranges(TOPICS.events);
      return problems.join().includes('is not the one that was read there');
    });
  });
});
