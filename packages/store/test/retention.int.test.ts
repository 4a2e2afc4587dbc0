import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import type pg from 'pg';
import {
  applyRetention,
  makePartitionsAhead,
  type RetentionOptions,
  verifyStored,
  withBackgroundLock,
} from '../src/index.ts';
import { eventOf, type RecordOptions, storeVerdict } from './batches.ts';
import { storeUnderTest } from './store-under-test.ts';

const DAY = 86_400_000;
const NOW = Date.now();

const given = storeUnderTest();
let pool: pg.Pool;
beforeEach(async () => {
  ({ pool } = given());
  for (const { table } of await partitions()) await pool.query(`DROP TABLE ${table}`);
  await pool.query(`INSERT INTO projects (slug, name) VALUES ('one', 'One'), ('two', 'Two')`);
});

const partitions = async (): Promise<{ table: string }[]> =>
  (
    await pool.query<{ table: string }>(
      `SELECT inhrelid::regclass::text AS table FROM pg_inherits WHERE inhparent = 'events'::regclass ORDER BY 1`,
    )
  ).rows;
const dayTable = (daysAgo: number): string =>
  `events_d${new Date(NOW - daysAgo * DAY).toISOString().slice(0, 10).replaceAll('-', '')}`;
const keep = (projectId: number, retentionDays: number | null) =>
  pool.query(
    `INSERT INTO settings (key, value, version) VALUES ($1, $2, (SELECT coalesce(max(version), 0) + 1 FROM settings))
     ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [`project:${projectId}`, JSON.stringify(retentionDays === null ? {} : { retentionDays })],
  );
const retain = (options: Partial<RetentionOptions> = {}) =>
  applyRetention(pool, { throughMs: NOW, thorough: true, pauseShare: 0, ...options });

interface Aged extends RecordOptions {
  daysAgo: number;
  event?: Partial<IdentifiedEvent>;
}

/** Stores events that occurred, and were received, so many days ago, at noon. */
async function store(aged: readonly Aged[]): Promise<void> {
  const verdicts = aged.map(({ daysAgo, event, ...options }) => {
    const atMs = Math.floor((NOW - daysAgo * DAY) / DAY) * DAY + DAY / 2;
    const occurredAt = new Date(atMs).toISOString();
    return storeVerdict(eventOf({ occurredAt, sessionId: `s-${daysAgo}`, ...event }), { timeMs: atMs, ...options });
  });
  for (const verdict of verdicts) {
    await given().write([verdict]);
  }
}

const eventsOf = async (projectId: number): Promise<number> =>
  Number((await pool.query('SELECT count(*) AS n FROM events WHERE project_id = $1', [projectId])).rows[0].n);

/** Per project and hour of the log: what the ledger says is left is what there is. */
async function expectBalancedLedger(): Promise<void> {
  const { rows } = await pool.query(
    `SELECT l.project_id, l.hour FROM ledger l
     LEFT JOIN (SELECT e.project_id, date_trunc('hour', b.first_log_time, 'UTC') AS hour, count(*) AS n
       FROM events e JOIN batches b ON b.id = e.batch_id GROUP BY 1, 2) c USING (project_id, hour)
     WHERE stored - removed <> coalesce(n, 0) OR read <> stored + duplicate + dead_lettered + erased`,
  );
  expect(rows).toEqual([]);
  expect((await verifyStored(pool, {})).filter(({ different }) => different > 0)).toEqual([]);
}

describe('retention', () => {
  test.each([
    { name: 'without a retention', days: null },
    { name: 'with one of no days, which nobody can set,', days: 0 },
  ])('A9: $name nothing is ever removed', async ({ days }) => {
    await keep(1, days);
    await store([{ daysAgo: 900 }, { daysAgo: 3 }]);
    const report = await retain();
    expect(report).toMatchObject({ partitionsDropped: [], eventsDeleted: [], sessions: 0 });
    expect(await eventsOf(1)).toBe(2);
  });

  test('A9: a partition whose rows are expired for every project is dropped, and booked as removed', async () => {
    await keep(1, 30);
    await keep(2, 10);
    await store([
      { daysAgo: 40 },
      { daysAgo: 40, projectId: 2 },
      { daysAgo: 20 },
      { daysAgo: 1 },
      { daysAgo: 1, projectId: 2 },
    ]);
    const report = await retain();
    expect(report.partitionsDropped).toEqual([{ table: dayTable(40), events: 2 }]);
    expect(report.unfinished).toBe(false);
    expect([await eventsOf(1), await eventsOf(2)]).toEqual([2, 1]);
    expect((await partitions()).map(({ table }) => table)).not.toContain(dayTable(40));
    await expectBalancedLedger();
    expect((await pool.query('SELECT sum(removed)::int AS n FROM ledger')).rows).toEqual([{ n: 2 }]);
  });

  test('A9: where others keep their rows, a project is deleted by chunks, and booked against the hour that stored it', async () => {
    await keep(1, 10);
    await store([
      ...Array.from({ length: 25 }, (_, i) => ({ daysAgo: 20, event: { sessionId: `s-${i % 7}` } })),
      { daysAgo: 20, projectId: 2 },
      { daysAgo: 5 },
    ]);
    const report = await retain({ chunkRows: 4 });
    expect(report).toMatchObject({ partitionsDropped: [], eventsDeleted: [{ projectId: 1, events: 25 }] });
    expect([await eventsOf(1), await eventsOf(2)]).toEqual([1, 1]);
    await expectBalancedLedger();
  });

  test('A9: the last day that is kept is kept whole', async () => {
    await keep(1, 10);
    const kept = Math.floor(NOW / DAY) * DAY - 10 * DAY;
    const occurredAt = [kept - 1, kept].map((ms) => new Date(ms).toISOString());
    await store(occurredAt.map((at) => ({ daysAgo: 1, event: { occurredAt: at, sessionId: at } })));
    expect((await retain()).partitionsDropped).toEqual([{ table: dayTable(11), events: 1 }]);
    expect((await pool.query('SELECT session_id FROM events')).rows).toEqual([{ session_id: occurredAt[1] }]);
  });

  test('A9: out of a month only the days that are expired are taken, when the pass is thorough', async () => {
    await keep(1, 400);
    const daysAgo = 400;
    // Two days of one month: the first of them expired, the other not.
    const cutoff = Math.floor((NOW - daysAgo * DAY) / DAY) * DAY;
    const month = new Date(cutoff).toISOString().slice(0, 7);
    const sameMonth = [-1, 1].map((days) => new Date(cutoff + days * DAY + DAY / 2).toISOString());
    await store(sameMonth.map((occurredAt, i) => ({ daysAgo: 1, event: { occurredAt, sessionId: `m-${i}` } })));
    const inOneMonth = sameMonth.every((time) => time.startsWith(month));
    expect((await retain({ thorough: false })).eventsDeleted).toEqual([]);
    const { partitionsDropped, eventsDeleted } = await retain();
    const dropped = partitionsDropped.reduce((sum, { events }) => sum + events, 0);
    expect(dropped + (eventsDeleted[0]?.events ?? 0)).toBe(1);
    expect(eventsDeleted.length).toBe(inOneMonth ? 1 : 0);
    expect((await pool.query('SELECT session_id FROM events')).rows).toEqual([{ session_id: 'm-1' }]);
  });

  test('A9, T11: while the expired days of a month wait for a thorough pass, their sessions stay, and verify agrees', async () => {
    // The retention ends within a month, some days after the events that are expired.
    const today = new Date(NOW);
    const cutoff = Date.UTC(today.getUTCFullYear() - 1, today.getUTCMonth() - 1, 15);
    await keep(1, Math.floor(NOW / DAY) - cutoff / DAY);
    const times = [cutoff - 9 * DAY, cutoff + 5 * DAY].map((ms) => new Date(ms).toISOString());
    await store(times.map((occurredAt, i) => ({ daysAgo: 1, event: { occurredAt, sessionId: `m-${i}` } })));
    expect(await retain({ thorough: false })).toMatchObject({ eventsDeleted: [], sessions: 0 });
    await expectBalancedLedger();
    expect(await retain()).toMatchObject({ eventsDeleted: [{ projectId: 1, events: 1 }], sessions: 1 });
    expect(await retain({ thorough: false })).toMatchObject({ eventsDeleted: [], sessions: 0 });
    await expectBalancedLedger();
  });

  test('A9: what is unread in the log holds everything back that had not expired when it was written', async () => {
    await keep(1, 10);
    await store([{ daysAgo: 15 }, { daysAgo: 40 }]);
    expect((await retain({ throughMs: NOW - 20 * DAY })).partitionsDropped.map(({ table }) => table)).toEqual([
      dayTable(40),
    ]);
    expect(await eventsOf(1)).toBe(1);
    expect((await retain()).partitionsDropped).toHaveLength(1);
  });

  test('A9: a clock that runs ahead deletes nothing more', async () => {
    await keep(1, 10);
    await store([{ daysAgo: 3 }]);
    await retain({ throughMs: NOW + 365 * DAY });
    expect(await eventsOf(1)).toBe(1);
  });

  test('A9: an expired event that comes late is stored, by a worker that did not know of the drop, and goes with the next pass', async () => {
    await keep(1, 10);
    await store([{ daysAgo: 20 }]);
    await retain();
    await store([{ daysAgo: 20, timeMs: NOW, event: { sessionId: 'late' } }]);
    expect(await eventsOf(1)).toBe(1);
    expect((await retain()).partitionsDropped).toEqual([{ table: dayTable(20), events: 1 }]);
    await expectBalancedLedger();
  });

  test('A9: the default holds for projects without a retention of their own', async () => {
    await keep(2, 300);
    await store([{ daysAgo: 40 }, { daysAgo: 40, projectId: 2 }, { daysAgo: 40, projectId: 77 }]);
    const report = await retain({ defaultDays: 30 });
    expect(report.eventsDeleted.sort((a, b) => a.projectId - b.projectId)).toEqual([
      { projectId: 1, events: 1 },
      { projectId: 77, events: 1 },
    ]);
    expect(await eventsOf(2)).toBe(1);
  });

  test('A9: sessions and machines go with their last event; one that reaches into the kept time stays as it is', async () => {
    await keep(1, 10);
    await store([
      { daysAgo: 20, event: { sessionId: 'gone', machineId: 'm-gone' } },
      { daysAgo: 20, event: { sessionId: 'long', machineId: 'm-kept' } },
      { daysAgo: 2, event: { sessionId: 'long', machineId: 'm-kept' } },
    ]);
    expect((await retain()).sessions).toBe(1);
    expect((await pool.query('SELECT session_id, event_count::int FROM sessions')).rows).toEqual([
      { session_id: 'long', event_count: 2 },
    ]);
    expect((await pool.query('SELECT machine_id, session_id FROM session_machines')).rows).toEqual([
      { machine_id: 'm-kept', session_id: 'long' },
    ]);
    expect((await pool.query('SELECT machine_id FROM machines')).rows).toEqual([{ machine_id: 'm-kept' }]);
  });

  test('A9: so long as an event of it stays, a session does, wherever its corrected times lie', async () => {
    await keep(1, 10);
    const kept = Math.floor(NOW / DAY) * DAY - 10 * DAY;
    const occurredAt = new Date(kept + 3_600_000).toISOString();
    await store([{ daysAgo: 1, skewMs: -10 * 3_600_000, event: { occurredAt, sessionId: 'ahead' } }]);
    expect(await retain()).toMatchObject({ partitionsDropped: [], eventsDeleted: [], sessions: 0 });
    await expectBalancedLedger();
  });

  test('T11: batches stay while an event of theirs, or of an older one, is there; claims stay for seven days', async () => {
    await keep(1, 10);
    await store([{ daysAgo: 40 }, { daysAgo: 20 }, { daysAgo: 1 }]);
    await pool.query(`UPDATE batches SET stored_at = $1`, [new Date(NOW - 20 * DAY)]);
    await pool.query(
      `INSERT INTO unclocked_ids (project_id, event_id, session_id, claimed_at)
       SELECT 1, gen_random_uuid(), 's', $1::timestamptz - d * interval '1 day' FROM unnest(ARRAY[1, 6.99, 8]::float8[]) d`,
      [new Date(NOW)],
    );
    expect(await retain({ throughMs: NOW - 5 * DAY })).toMatchObject({ claims: 0 });
    expect(await retain()).toMatchObject({ claims: 1 });
    expect((await pool.query('SELECT count(*)::int AS n FROM batches')).rows).toEqual([{ n: 1 }]);
    await expectBalancedLedger();
    const { rows } = await pool.query('SELECT count(*)::int AS n FROM events e JOIN batches b ON b.id = e.batch_id');
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('A9: a pass whose time is up says so, and the next one goes on', async () => {
    await keep(1, 10);
    await store([{ daysAgo: 20 }, { daysAgo: 21 }]);
    expect(await retain({ budgetMs: 0 })).toMatchObject({ unfinished: true, partitionsDropped: [] });
    expect((await retain()).partitionsDropped).toHaveLength(2);
  });

  test('A9: a row of a project that keeps its events, written while the partition is dropped, holds it back', async () => {
    await keep(1, 10);
    await store([{ daysAgo: 20 }]);
    const other = await pool.connect();
    await other.query('BEGIN');
    await other.query(
      `INSERT INTO events SELECT (e).* FROM (SELECT jsonb_populate_record(e, '{"project_id": 2}') AS e FROM events e) s`,
    );
    const pass = retain();
    await lockAwaited();
    await other.query('COMMIT');
    other.release();
    await pass;
    expect(await eventsOf(2)).toBe(1);
    await retain();
    expect([await eventsOf(1), await eventsOf(2)]).toEqual([0, 1]);
  });

  test('A9: of two processes one does the maintenance, the other passes over its turn', async () => {
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    let begun = (): void => undefined;
    const entered = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const first = withBackgroundLock(pool, 'maintenance', async () => {
      begun();
      await held;
      return 'first';
    });
    await entered;
    expect(await withBackgroundLock(pool, 'maintenance', async () => 'second')).toBeUndefined();
    end();
    expect(await first).toBe('first');
    expect(await withBackgroundLock(pool, 'maintenance', async () => 'third')).toBe('third');
  });

  test('A9: partitions are made for the days ahead', async () => {
    await makePartitionsAhead(pool, NOW, 3);
    await makePartitionsAhead(pool, NOW, 3);
    expect((await partitions()).map(({ table }) => table)).toEqual([1, 0, -1, -2, -3].map(dayTable));
  });
});

/** Resolves when somebody waits for a lock, in this database. */
async function lockAwaited(): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    const { rows } = await pool.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return;
  }
  throw new Error('nobody waits for a lock');
}
