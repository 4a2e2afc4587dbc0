import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  type Aggregation,
  findSeries,
  type Granularity,
  ofSeries,
  type Reader,
  readOnly,
  readSeries,
} from '../src/index.ts';
import { eventOf, storeVerdict } from './batches.ts';
import { explainReads } from './explain-reads.ts';
import { storeUnderTest } from './store-under-test.ts';

const store = storeUnderTest();
const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2026, 9, 1);
const DAYS = 3;
const SESSIONS = 6_000;
const EVENTS_OF_SESSION = 10;
const NOON = FROM_MS + 1.5 * DAY_MS;

/** Three days of sessions of ten minutes each, one type and namespace, and their rollups. */
async function fill(): Promise<void> {
  const { pool, write } = store();
  const days = Array.from({ length: DAYS }, (_, day) => FROM_MS + day * DAY_MS);
  await write(days.map((occurredAt) => storeVerdict(eventOf({ type: 'load', occurredAt, value: 1 }))));
  await write([storeVerdict(eventOf({ type: 'rare', occurredAt: NOON + 40_000, value: 2 }))]);
  await pool.query(
    `INSERT INTO events (occurred_at, received_at, batch_id, type_id, namespace_id, value, project_id, skew_ms, batch_index,
       event_id, session_id)
     SELECT to_timestamp($1::float8 / 1000) + (n * $2::float8 + i * 60) * interval '1 s', now(), 1, type_id, namespace_id, i, 1, 0, i,
       gen_random_uuid(), 'filled-' || n
     FROM generate_series(0, $3::int - 1) n, generate_series(0, $4::int - 1) i, (SELECT type_id, namespace_id FROM events ORDER BY occurred_at LIMIT 1) names`,
    [FROM_MS, ((DAYS - 0.1) * DAY_MS) / 1000 / SESSIONS, SESSIONS, EVENTS_OF_SESSION],
  );
  await pool.query(
    `INSERT INTO sessions (project_id, session_id, first_at, last_at, event_count, type_ids)
     SELECT 1, session_id, min(occurred_at), max(occurred_at), count(*), array_agg(DISTINCT type_id) FROM events
     GROUP BY session_id ON CONFLICT DO NOTHING;
     TRUNCATE series_minutes;
     INSERT INTO series_minutes (project_id, namespace_id, type_id, minute, slot, events, valued, value_sum, value_min, value_max,
       first_at, first_valued_at)
     SELECT 1, namespace_id, type_id, date_trunc('minute', occurred_at, 'UTC'), -1, count(*), count(value), sum(value), min(value),
       max(value), min(occurred_at), min(occurred_at)
     FROM events GROUP BY 2, 3, 4`,
  );
  await pool.query('ANALYZE events; ANALYZE sessions; ANALYZE series_minutes');
}

interface Asked {
  type?: string;
  range: { fromMs: number; toMs: number };
  aggregation: Aggregation;
  granularity: Granularity;
}

const retention = { throughMs: Date.now(), defaultDays: undefined };

/** What the statements of a question read. */
async function readsOf({ type = 'load', ...question }: Asked) {
  const { pool } = store();
  const series = await readOnly(pool, { statementTimeoutMs: 20_000 }, (reader) =>
    findSeries(reader, { projectId: 1, namespace: 'default', type }),
  );
  if (!series) throw new Error('Nothing is stored');
  const explained = await explainReads(pool, async (reader) => {
    const points = await readSeries(reader, series, { ...question, retention });
    expect(points.length).toBeGreaterThan(0);
  });
  return explained.flatMap(({ reads }) => reads);
}

/** What they scan, each `how of what`. */
async function scansOf(question: Asked): Promise<string[]> {
  // Of sessions there are few enough here that either way is right.
  const scans = (await readsOf(question)).filter(({ table }) => table !== 'sessions');
  return [...new Set(scans.map(({ how, table }) => `${how} of ${table}`))].sort();
}

describe('A6: without a scan of events', () => {
  beforeEach(fill, 60_000);

  test('whole minutes are read from the rollups by their key, and cut ones by sessions and theirs', async () => {
    const whole = await scansOf({
      range: { fromMs: NOON, toMs: NOON + 3_600_000 },
      aggregation: 'avg',
      granularity: 'minute',
    });
    expect(whole.length).toBeGreaterThan(0);
    for (const scan of whole) expect(scan).toMatch(/^(Index|Index Only|Bitmap Heap) Scan of series_minutes$/);
    // Of the day that it is in alone, too.
    const cut = { fromMs: NOON + 1, toMs: NOON + 30_001 };
    for (const aggregation of ['avg', 'count'] as const) {
      const scans = await scansOf({ range: cut, aggregation, granularity: 'hour' });
      expect(scans).toContain('Index Scan of events_d20261002');
      for (const scan of scans)
        expect(scan).toMatch(/(Index|Index Only|Bitmap Heap) Scan of (events_d20261002|series_minutes)$/);
    }
  });

  test('so are percentiles of a day at most', async () => {
    const scans = await scansOf({
      range: { fromMs: NOON + 1, toMs: NOON + 3_600_001 },
      aggregation: 'p95',
      granularity: 'minute',
    });
    expect(scans).toContain('Index Scan of events_d20261002');
    for (const scan of scans)
      expect(scan).toMatch(/(Index|Index Only|Bitmap Heap) Scan of (events_d20261002|series_minutes)$/);
  });

  test('sessions are gone through only until all events of a cut minute are found', async () => {
    const reads = await readsOf({
      range: { fromMs: NOON + 1, toMs: NOON + 30_001 },
      aggregation: 'avg',
      granularity: 'hour',
    });
    const sessions = reads.filter(({ table }) => table === 'sessions').reduce((sum, { rows }) => sum + rows, 0);
    // 15 of ten minutes each overlap it, of the 2,200 that began up to a day before.
    expect(sessions).toBeGreaterThan(10);
    expect(sessions).toBeLessThan(60);
  });

  test('nothing is looked for where the rollup tells on which side of the cut the only event is', async () => {
    for (const [fromMs, toMs] of [
      [NOON + 30_000, NOON + 50_000],
      [NOON - 60_000, NOON + 59_000],
    ] as const) {
      const reads = await readsOf({
        type: 'rare',
        range: { fromMs, toMs },
        aggregation: 'sum',
        granularity: 'hour',
      });
      expect([...new Set(reads.map(({ table }) => table))]).toEqual(['series_minutes']);
    }
  });

  test('a range with two cut edges is asked for at once: nothing waits for an answer', async () => {
    const { pool } = store();
    const sent: { isAnswered: boolean; after: number }[] = [];
    await readOnly(pool, { statementTimeoutMs: 20_000 }, async (reader) => {
      const watched = {
        async query(...given: [string]) {
          const one = { isAnswered: false, after: sent.filter(({ isAnswered }) => isAnswered).length };
          sent.push(one);
          return reader.query(...given).finally(() => {
            one.isAnswered = true;
          });
        },
      } as unknown as Reader;
      const range = { fromMs: NOON + 10_000, toMs: NOON + 3_600_000 + 10_000 };
      const points = await ofSeries(watched, { projectId: 1, namespace: 'default', type: 'load' }, async (series) =>
        readSeries(watched, series, { range, aggregation: 'avg', granularity: 'minute', retention }),
      );
      expect(points).toHaveLength(61);
    });
    // The names, the whole minutes and each edge.
    expect(sent.map(({ after }) => after)).toEqual([0, 0, 0, 0]);
  });
});
