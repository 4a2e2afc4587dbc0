import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Aggregation, findSeries, type Granularity, readOnly, readSeries } from '../src/index.ts';
import { eventOf, storeVerdict } from './batches.ts';
import { explainReads } from './explain-reads.ts';
import { storeUnderTest } from './store-under-test.ts';

const store = storeUnderTest();
const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2026, 9, 1);
const DAYS = 3;
const SESSIONS = 6_000;
const EVENTS_OF_SESSION = 10;

/** Three days of sessions of ten minutes each, one type and namespace, and their rollups. */
async function fill(): Promise<void> {
  const { pool, write } = store();
  const days = Array.from({ length: DAYS }, (_, day) => FROM_MS + day * DAY_MS);
  await write(days.map((occurredAt) => storeVerdict(eventOf({ type: 'load', occurredAt, value: 1 }))));
  await pool.query(
    `INSERT INTO events (occurred_at, received_at, batch_id, type_id, namespace_id, value, project_id, skew_ms, batch_index,
       event_id, session_id)
     SELECT to_timestamp($1::float8 / 1000) + (n * $2::float8 + i * 60) * interval '1 s', now(), 1, type_id, namespace_id, i, 1, 0, i,
       gen_random_uuid(), 'filled-' || n
     FROM generate_series(0, $3::int - 1) n, generate_series(0, $4::int - 1) i, (SELECT type_id, namespace_id FROM events LIMIT 1) names`,
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

/** What the statements of a question scan, each `how of what`. */
async function scansOf(range: { fromMs: number; toMs: number }, aggregation: Aggregation, granularity: Granularity) {
  const { pool } = store();
  const series = await readOnly(pool, { statementTimeoutMs: 20_000 }, (reader) =>
    findSeries(reader, { projectId: 1, namespace: 'default', type: 'load' }),
  );
  if (!series) throw new Error('Nothing is stored');
  const explained = await explainReads(pool, async (reader) => {
    const retention = { throughMs: Date.now(), defaultDays: undefined };
    const points = await readSeries(reader, series, { range, granularity, aggregation, retention });
    expect(points.length).toBeGreaterThan(0);
  });
  // Of sessions there are few enough here that either way is right.
  const scans = explained.flatMap(({ reads }) => reads).filter(({ table }) => table !== 'sessions');
  return [...new Set(scans.map(({ how, table }) => `${how} of ${table}`))].sort();
}

describe('A6: without a scan of events', () => {
  beforeEach(fill, 60_000);
  const noon = FROM_MS + 1.5 * DAY_MS;

  test('whole minutes are read from the rollups by their key, and cut ones by sessions and theirs', async () => {
    const whole = await scansOf({ fromMs: noon, toMs: noon + 3_600_000 }, 'avg', 'minute');
    expect(whole.length).toBeGreaterThan(0);
    for (const scan of whole) expect(scan).toMatch(/^(Index|Index Only|Bitmap Heap) Scan of series_minutes$/);
    // Of the day that it is in alone, too.
    const cut = { fromMs: noon + 1, toMs: noon + 30_001 };
    for (const aggregation of ['avg', 'count'] as const) {
      const scans = await scansOf(cut, aggregation, 'hour');
      expect(scans).toContain('Index Scan of events_d20261002');
      for (const scan of scans)
        expect(scan).toMatch(/(Index|Index Only|Bitmap Heap) Scan of (events_d20261002|series_minutes)$/);
    }
  });

  test('so are percentiles of a day at most', async () => {
    const scans = await scansOf({ fromMs: noon + 1, toMs: noon + 3_600_001 }, 'p95', 'minute');
    expect(scans).toContain('Index Scan of events_d20261002');
    for (const scan of scans)
      expect(scan).toMatch(/(Index|Index Only|Bitmap Heap) Scan of (events_d20261002|series_minutes)$/);
  });
});
