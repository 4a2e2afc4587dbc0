import { beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { locateSession, type Reader, remakeHops, type SessionOrderKey, sessionEvents } from '../src/index.ts';
import { eventOf, storeVerdict } from './batches.ts';
import { type ExplainedStatement, explainingPool, explainReads } from './explain-reads.ts';
import { storeUnderTest } from './store-under-test.ts';

/** A session that has so many events costs no more to look at than a short one: what is looked at is near by. */
const EVENTS = 50_000;
const PAGE = 101;
const MIDDLE = 16_666;
const BEGUN = Date.UTC(2026, 10, 20, 3);
const AFTER_MS = 1_000;
const timeOf = (n: number): number => BEGUN + n * AFTER_MS;
const HOUR = 3_600_000;

const store = storeUnderTest();
const { signal } = new AbortController();

const app = (name: string) => ({ source: { kind: 'app' as const, name } });
const write = (ms: number, name: string, skewMs: number) =>
  store().write([storeVerdict(eventOf({ sessionId: 'long', occurredAt: ms - skewMs, ...app(name) }), { skewMs })]);

/** Marks as old as they have to be. */
async function remake(pool: pg.Pool): Promise<void> {
  await store().pool.query(`UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'`);
  await remakeHops(pool, signal);
}

/** Every third event is of the type `click`; apps change every ten. What is already there is remade. */
async function fill(skewMs: number): Promise<void> {
  const { pool } = store();
  for (let hours = -96; hours <= 96; hours += 24) {
    await store().write([storeVerdict(eventOf({ sessionId: 'other', occurredAt: BEGUN + hours * HOUR }))]);
  }
  await write(timeOf(0), 'shop', skewMs);
  await write(timeOf(EVENTS - 1), 'pay', skewMs);
  await store().write([
    storeVerdict(eventOf({ sessionId: 'long', type: 'click', occurredAt: timeOf(1) - skewMs }), { skewMs }),
  ]);
  await pool.query(
    `INSERT INTO events (occurred_at, received_at, batch_id, type_id, source_id, project_id, skew_ms, batch_index, event_id, session_id)
     SELECT to_timestamp($1::float8 / 1000) + n * interval '${AFTER_MS} ms', now(), 1, t.id, s.id, 1, $2, 0, gen_random_uuid(), 'long'
     FROM generate_series(2, ${EVENTS} - 2) n
     JOIN sources s ON s.name = CASE WHEN n / 10 % 2 = 0 THEN 'shop' ELSE 'pay' END
     JOIN names t ON t.kind = 1 AND t.name = CASE WHEN n % 3 = 0 THEN 'click' ELSE 'pageVisit' END`,
    [BEGUN - skewMs, skewMs],
  );
  await pool.query(
    `UPDATE sessions SET event_count = ${EVENTS}, skews_of = ${EVENTS} WHERE session_id = 'long';
     UPDATE dirty_sessions SET from_at = '-infinity'`,
  );
  await remake(pool);
  await pool.query('VACUUM ANALYZE');
}

const rowsOf = (explained: readonly ExplainedStatement[]): number =>
  explained.flatMap(({ reads }) => reads).reduce((sum, { table, rows }) => sum + (/^events/.test(table) ? rows : 0), 0);
const partitionsOf = (explained: readonly ExplainedStatement[]): string[] => [
  ...new Set(
    explained.flatMap(({ reads }) => reads.map(({ table }) => table)).filter((table) => /^events/.test(table)),
  ),
];

/** A page after the n-th event, or the first. */
async function page(reader: Reader, n: number | undefined, type?: string): Promise<number[]> {
  const place = await locateSession(reader, 1, 'long');
  if (!place) throw new Error('The session is not there');
  const none = '00000000-0000-0000-0000-000000000000';
  const after: SessionOrderKey | undefined =
    n === undefined
      ? undefined
      : { correctedMs: timeOf(n) + 1, place: none, seq: -1, eventId: none, occurredMs: timeOf(n) };
  const found = await sessionEvents(reader, place, { limit: PAGE, type, after });
  return found.map(({ event }) => event.correctedMs);
}

describe.each([
  { clocks: 'that are right', skewMs: 0, further: 0 },
  { clocks: 'that are all off alike', skewMs: 6 * HOUR, further: 0 },
  { clocks: 'of which one is a minute off', skewMs: 0, oddMs: 60_000, further: 130 },
])('T12: of a session with clocks $clocks', ({ skewMs, oddMs, further }) => {
  beforeEach(async () => {
    await fill(skewMs);
    if (oddMs === undefined) return;
    await write(timeOf(MIDDLE + 50) + 1, 'help', oddMs);
    await remake(store().pool);
  });

  test('a page reads about as many rows as it has, wherever it is', async () => {
    const { pool } = store();
    for (const n of [undefined, 0, MIDDLE, EVENTS - 50]) {
      let times: number[] = [];
      const explained = await explainReads(pool, async (reader) => {
        times = await page(reader, n);
      });
      expect(times.length).toBe(n === EVENTS - 50 ? 49 : PAGE);
      const first = n === undefined ? 0 : n + 1;
      expect(times.filter((ms) => ms % AFTER_MS === 0)).toEqual(
        times.flatMap((_, i) => timeOf(first + i)).slice(0, oddMs !== undefined && n === MIDDLE ? -1 : undefined),
      );
      expect(rowsOf(explained)).toBeLessThan(4 * (PAGE + further));
      expect(partitionsOf(explained).length).toBeLessThanOrEqual(2);
    }
  });

  test('a page of a type reads as many as it takes to fill it', async () => {
    const { pool } = store();
    let times: number[] = [];
    const explained = await explainReads(pool, async (reader) => {
      times = await page(reader, MIDDLE, 'click');
    });
    expect(times).toHaveLength(PAGE);
    expect(rowsOf(explained)).toBeLessThan(3 * 3 * (PAGE + further));
  });

  test('hops around one new event are remade from what is around it', async () => {
    const { pool } = store();
    for (const ms of [timeOf(EVENTS) + 1, timeOf(MIDDLE) + 1]) {
      await write(ms, 'help', skewMs);
      const explaining = explainingPool(pool);
      await remake(explaining.pool);
      expect(explaining.explained.length).toBeGreaterThan(1);
      expect(rowsOf(explaining.explained)).toBeLessThan(20 + 2 * further);
      expect(partitionsOf(explaining.explained).length).toBeLessThanOrEqual(2);
      const { rows } = await pool.query(`SELECT at FROM session_hops WHERE to_app = 'help' ORDER BY at`);
      expect(rows.map(({ at }) => at)).toContain(ms);
    }
  });
});
