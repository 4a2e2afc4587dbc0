import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type IdentifiedEvent, type LoggedEvent, TOPICS, uuidV7 } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createVerifier } from '@wayline/identity/verify';
import { createPool, eraseUser, type RetentionReport, readLogProgress } from '@wayline/store';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { createWorker, startMaintenance } from '../src/index.ts';

const DAY = 86_400_000;
const GROUP = 'wayline';
const verifier = createVerifier({ secrets: ['a secret of more than thirty-two characters'] });
const logger = { info() {}, warn() {}, error() {} };
const closers: (() => Promise<unknown>)[] = [];
let log: EventLog;
let pool: pg.Pool;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-maintenance-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  pool = createPool({ url: database.url, max: 8, applicationName: 'test' });
  closers.push(() => pool.end());
  const topics = [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions: 2 }));
  log = await createEmbeddedLog({ folder, topics });
  closers.push(() => log.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startWorker(): Promise<() => Promise<void>> {
  const worker = createWorker({ log, pool, group: GROUP, verifier, logger });
  await worker.start();
  const stop = () => worker.stop();
  closers.push(stop);
  return stop;
}

function append(events: readonly Partial<IdentifiedEvent>[]): Promise<void> {
  return log.append(
    TOPICS.events,
    events.map((given) => {
      const event = { eventId: uuidV7(Date.now()), sessionId: randomUUID(), type: 'click', ...given };
      const value: LoggedEvent = { project: 1, receivedAt: Date.now(), event };
      return { key: event.sessionId, value: Buffer.from(JSON.stringify(value)) };
    }),
  );
}

const one = async (sql: string): Promise<number> => Number((await pool.query(`SELECT (${sql}) AS n`)).rows[0].n);

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) if (await holds()) return;
  throw new Error(`Still waiting for: ${what}`);
}

/** Starts the maintenance, and resolves with the report of its next pass. */
function pass(retentionDays?: number): Promise<RetentionReport> {
  return new Promise((resolve) => {
    const maintenance = startMaintenance({
      log,
      pool,
      group: GROUP,
      logger,
      retentionDays,
      everyMs: 50,
      onPass: resolve,
    });
    closers.push(() => maintenance.stop());
  });
}

const old = (): Partial<IdentifiedEvent> => ({ occurredAt: Date.now() - 40 * DAY });

test('A9: workers make partitions ahead, note how far the log is read, and delete what is expired', async () => {
  await startWorker();
  await append([old(), old(), {}]);
  await until('all stored', async () => (await one('SELECT count(*) FROM events')) === 3);
  const report = await pass(30);
  expect(report.partitionsDropped.map(({ events }) => events)).toEqual([2]);
  expect(await one('SELECT count(*) FROM events')).toBe(1);
  expect(await one('SELECT sum(stored - removed) FROM ledger')).toBe(1);
  const tomorrow = new Date(Date.now() + DAY).toISOString().slice(0, 10).replaceAll('-', '');
  expect(await one(`SELECT count(*) FROM pg_class WHERE relname = 'events_d${tomorrow}'`)).toBe(1);
  expect((await readLogProgress(pool))?.completeThroughMs).toBeGreaterThan(Date.now() - 60_000);
});

test('a pass sums up in which pages the events of batches are', async () => {
  await startWorker();
  await append(Array.from({ length: 300 }, () => ({ context: { wide: 'x'.repeat(1000) } })));
  await until('all stored', async () => (await one('SELECT count(*) FROM events')) === 300);
  await pass();
  const notSummedUp = 'SELECT sum(brin_summarize_new_values(inhrelid)) FROM pg_inherits WHERE inhparent =';
  expect(await one(`${notSummedUp} 'events_by_batch'::regclass`)).toBe(0);
});

test('A9: a pass goes by the log time of the first record that is not stored yet, not by the clock', async () => {
  const stop = await startWorker();
  await append([old()]);
  await until('stored', async () => (await one('SELECT count(*) FROM events')) === 1);
  await stop();
  await append([{}]);
  const [range] = (await log.ranges(TOPICS.events)).filter(({ end }) => end > 0);
  expect(range).toBeDefined();
  await pass(30);
  const unread = (await readLogProgress(pool))?.completeThroughMs as number;
  expect(unread).toBeLessThanOrEqual(Date.now());
  const before = unread;
  await pass(30);
  expect((await readLogProgress(pool))?.completeThroughMs).toBe(before);
});

test('A9: while the log cannot be asked what is unread, nothing is deleted', async () => {
  const stop = await startWorker();
  await append([old()]);
  await until('stored', async () => (await one('SELECT count(*) FROM events')) === 1);
  await stop();
  await log.close();
  const told = new Promise<string>((resolve, reject) => {
    const maintenance = startMaintenance({
      ...{ log, pool, group: GROUP, retentionDays: 30, everyMs: 50 },
      logger: { ...logger, warn: (_fields: object, message: string) => resolve(message) },
      onPass: () => reject(new Error('a pass went on without the log')),
    });
    closers.push(() => maintenance.stop());
  });
  expect(await told).toBe('maintenance did not succeed; it is tried again');
  expect(await one('SELECT count(*) FROM events')).toBe(1);
});

test('A9: several workers at once: each pass is done by one, and nothing is booked twice', async () => {
  await startWorker();
  await append(Array.from({ length: 50 }, old));
  await until('all stored', async () => (await one('SELECT count(*) FROM events')) === 50);
  await Promise.all([pass(30), pass(30), pass(30)]);
  expect(await one('SELECT sum(removed) FROM ledger')).toBe(50);
  expect(await one('SELECT sum(removed) FROM batches')).toBe(50);
});

test('T9: positions set back, the log is read again: what is of an erased user is dropped, the rest is a duplicate', async () => {
  const stop = await startWorker();
  await append([{ userId: 'u-1' }, { userId: 'u-2' }, { anonymousId: 'u-1' }]);
  await until('all stored', async () => (await one('SELECT count(*) FROM events')) === 3);
  expect(await eraseUser(pool, { projectId: 1, userId: 'u-1' })).toMatchObject({ events: 2, finished: true });
  await stop();
  await pool.query('UPDATE positions SET next_offset = 0, last_offset = NULL, last_checksum = NULL');
  await startWorker();
  await until('all read again', async () => (await one('SELECT sum(read) FROM ledger')) === 6);
  const { rows } = await pool.query(
    'SELECT sum(stored)::int AS stored, sum(duplicate)::int AS duplicate, sum(erased)::int AS erased FROM ledger',
  );
  expect(rows).toEqual([{ stored: 3, duplicate: 1, erased: 2 }]);
  expect((await pool.query('SELECT user_id FROM events')).rows).toEqual([{ user_id: 'u-2' }]);
});
