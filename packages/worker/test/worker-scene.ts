import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { type IdentifiedEvent, type LoggedEvent, TOPICS, uuidV7 } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createVerifier } from '@wayline/identity/verify';
import { createPool } from '@wayline/store';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { createWorker, type Worker, type WorkerOptions } from '../src/index.ts';

export const GROUP = 'wayline';
export const SECRET = 'a secret of more than thirty-two characters';

/** A line that the worker told. */
export interface Told {
  level: 'info' | 'warn' | 'error';
  message: string;
  fields: Record<string, unknown>;
}

export interface WorkerScene {
  log: EventLog;
  /** As superuser. */
  pool: pg.Pool;
  databaseUrl: string;
  told: Told[];
  startWorker(options?: Partial<WorkerOptions>): Promise<Worker>;
  /** Connections of their own; ended with the scene. */
  openPool(url: string): pg.Pool;
  append(events: readonly IdentifiedEvent[]): Promise<void>;
  number(sql: string): Promise<number>;
  /** Resolves when the stored positions have reached the ends of the log. */
  allRead(): Promise<void>;
  /** Resolves with a line of this message or failure class, told already or to come. */
  untilTold(what: string): Promise<Told>;
  untilSomebodyWaits(): Promise<void>;
  /** These events, and no others, once each; the ledger balanced, sessions equal to a recount. */
  expectExactlyOnce(events: readonly IdentifiedEvent[]): Promise<void>;
  onClose(close: () => Promise<unknown>): void;
  close(): Promise<void>;
}

/** Asks again and again until it holds; rejects after a minute, so that no loop outlives its test. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(5)) if (await holds()) return;
  throw new Error(`Still waiting for: ${what}`);
}

export const eventOf = (given: Partial<IdentifiedEvent> = {}): IdentifiedEvent => ({
  eventId: uuidV7(Date.now()),
  sessionId: `s-${Math.floor(Math.random() * 50)}`,
  type: 'pageVisit',
  occurredAt: new Date().toISOString(),
  ...given,
});

export const many = (count: number, given: Partial<IdentifiedEvent> = {}): IdentifiedEvent[] =>
  Array.from({ length: count }, () => eventOf(given));

export function appendTo(log: EventLog, events: readonly IdentifiedEvent[]): Promise<void> {
  const records = events.map((event) => {
    const value: LoggedEvent = { project: 1, receivedAt: Date.now(), event };
    return { key: event.sessionId, value: Buffer.from(JSON.stringify(value)) };
  });
  return log.append(TOPICS.events, records);
}

/** A worker's surroundings: a migrated database of its own, and a log: a new embedded one unless it is given. */
export async function startScene(given: { log?: EventLog; partitions?: number } = {}): Promise<WorkerScene> {
  const closers: (() => Promise<unknown>)[] = [];
  const told: Told[] = [];
  const tell = (level: Told['level']) => (fields: object, message: string) =>
    void told.push({ level, message, fields: fields as Told['fields'] });
  const logger = { info: tell('info'), warn: tell('warn'), error: tell('error') };
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  const openPool = (url: string): pg.Pool => {
    const pool = createPool({ url, max: 6, applicationName: 'test' });
    closers.push(() => pool.end());
    return pool;
  };
  const pool = openPool(database.url);
  const log = given.log ?? (await openEmbedded(closers, given.partitions ?? 4));
  const number = async (sql: string): Promise<number> => Number((await pool.query(`SELECT (${sql}) AS n`)).rows[0].n);
  return {
    log,
    pool,
    databaseUrl: database.url,
    told,
    openPool,
    number,
    async startWorker(options = {}) {
      const verifier = createVerifier({ secrets: [SECRET] });
      const worker = createWorker({ log, pool: openPool(database.url), group: GROUP, verifier, logger, ...options });
      closers.push(() => worker.stop());
      await worker.start();
      return worker;
    },
    append: (events) => appendTo(log, events),
    allRead: () =>
      until('everything read', async () => {
        const ends = (await Promise.all([log.ranges(TOPICS.events), log.ranges(TOPICS.direct)])).flat();
        const { rows } = await pool.query<{ topic: string; partition: number; next_offset: number }>(
          'SELECT topic, partition, next_offset FROM positions WHERE log_id = $1',
          [log.id],
        );
        return ends.every(({ topic, partition, end }) =>
          rows.some((row) => row.topic === topic && row.partition === partition && row.next_offset >= end),
        );
      }),
    async untilTold(what) {
      const find = () => told.find(({ message, fields }) => fields.failure === what || message.includes(what));
      await until(`the worker to tell: ${what}`, () => find() !== undefined);
      return find() as Told;
    },
    untilSomebodyWaits: () =>
      until('a waiting transaction', async () => {
        const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        return (await number(waiting)) > 0;
      }),
    async expectExactlyOnce(events) {
      const { rows } = await pool.query<{ event_id: string }>('SELECT event_id FROM events ORDER BY event_id');
      expect(rows.map(({ event_id }) => event_id)).toEqual(events.map(({ eventId }) => eventId).sort());
      const { rows: sums } = await pool.query(
        `SELECT sum(read)::int - sum(stored + duplicate + dead_lettered + erased)::int AS unbalanced,
           sum(stored)::int AS stored FROM ledger`,
      );
      expect(sums).toEqual([{ unbalanced: 0, stored: events.length }]);
      expect(await number('SELECT coalesce(sum(event_count), 0) FROM sessions')).toBe(events.length);
    },
    onClose: (close) => void closers.push(close),
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

async function openEmbedded(closers: (() => Promise<unknown>)[], partitions: number): Promise<EventLog> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-worker-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const log = await createEmbeddedLog({
    folder,
    topics: [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions })),
  });
  closers.push(() => log.close());
  return log;
}
