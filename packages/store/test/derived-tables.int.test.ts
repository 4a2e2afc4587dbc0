import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accountFor, dirtySessions, NOTHING_WRONG } from '@wayline/testkit';
import type pg from 'pg';
import { BatchWriter, createPool, ensurePosition, remakeHops } from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { createStoreDatabase } from './store-database.ts';

/** The recounts of the strict accounting: right where nothing is wrong, and each able to find what is. */
let database: Awaited<ReturnType<typeof createStoreDatabase>>;
let pool: pg.Pool;
const stored = new Set<string>();

beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'test' });
  const log = { logId: 'log', group: 'g' };
  await ensurePosition(pool, { ...log, topic: 'wayline.events', partition: 0 }, 0);
  const source = { kind: 'app', name: 'shop' } as const;
  const at = (minute: number) => ({ occurredAt: `2026-11-20T12:${String(minute).padStart(2, '0')}:00.000Z` });
  const events = [
    eventOf({ ...at(1), type: 'sessionStarted', source }),
    eventOf({ ...at(2), userId: 'u-1', machineId: 'm-1', platform: 'web', namespace: 'shop', userAgent: 'agent' }),
    eventOf({ ...at(3), userId: 'u-2', machineId: 'm-2', platform: 'mobile', source: { ...source, version: '2' } }),
    eventOf({ ...at(4), anonymousId: 'a-1', userId: '' }),
    eventOf({
      ...at(5),
      type: 'sessionEnded',
      source: { ...source, name: 'checkout' },
      context: { reason: 'refreshed' },
    }),
    eventOf({ ...at(6), type: 'sessionEnded' }),
    eventOf({ ...at(7), sessionId: 's-2', type: 'click' }),
  ];
  for (const { eventId } of events) stored.add(eventId);
  const writer = new BatchWriter({ pool, ...log, timeouts: { statementMs: 20_000, idleMs: 15_000, lockMs: 10_000 } });
  const records = events.map((event) => storeVerdict(event, { skewMs: 6000 }));
  await writer.write([batchOf({}, [...records.slice(0, 4), ...records.slice(0, 2)])]);
  await writer.write([batchOf({ firstOffset: 6 }, [...records.slice(2).reverse(), ...records.slice(4)])]);
  const { signal } = new AbortController();
  while ((await dirtySessions(database.url)) > 0) await remakeHops(pool, signal); // marks must be a second old
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

const rollup = (table: string): unknown => expect.stringContaining(`rollups: {"what":"${table}"`);
const accounting = () => accountFor(database.url, stored);

test('T6: what the worker keeps beside the events equals a recount', async () => {
  expect(await accounting()).toMatchObject({ ...NOTHING_WRONG, stored: stored.size });
});

test.each([
  { what: 'a count of a session', spoil: 'UPDATE sessions SET event_count = event_count + 1', of: 's-1' },
  { what: 'the user of a session', spoil: "UPDATE sessions SET user_id = 'u-1'", of: 's-1' },
  { what: 'the end of a session', spoil: 'UPDATE sessions SET ended_at = refreshed_at', of: 's-1' },
  { what: 'the sources of a session', spoil: "UPDATE sessions SET source_ids = '{}'", of: 's-1' },
  { what: 'the skews of a session', spoil: 'UPDATE sessions SET least_skew_ms = 0', of: 's-1' },
  { what: 'how many events they are of', spoil: 'UPDATE sessions SET skews_of = skews_of - 1', of: 's-1' },
  { what: 'a session that is missing', spoil: "DELETE FROM sessions WHERE session_id = 's-2'", of: 's-2' },
])('$what is found', async ({ spoil, of }) => {
  expect((await spoiled(spoil)).wrongSessions).toContain(of);
});

test.each([
  {
    what: 'a machine of a session',
    spoil: "DELETE FROM session_machines WHERE machine_id = 'm-1'",
    found: 'session_machines: m-1 s-1',
  },
  { what: 'a machine', spoil: "UPDATE machines SET last_at = last_at + interval '1 s'", found: 'machines: m-2' },
  { what: 'a user', spoil: "DELETE FROM users WHERE user_id = 'a-1'", found: rollup('users') },
  {
    what: 'a count of users',
    spoil: 'UPDATE user_count_deltas SET users = users + 1',
    found: rollup('user_counts'),
  },
  { what: 'a user of an hour', spoil: "DELETE FROM hour_users WHERE user_id = 'a-1'", found: rollup('hour_users') },
  { what: 'the clicks of an hour', spoil: 'UPDATE hours SET clicks = clicks + 1', found: rollup('hours') },
  { what: 'the uniques of an hour', spoil: 'UPDATE hours SET unique_users = unique_users + 1', found: rollup('hours') },
  { what: 'a minute', spoil: 'UPDATE series_minutes SET events = events + 1', found: rollup('series_minutes') },
  {
    what: 'an hour of a series',
    spoil: 'UPDATE series_minutes SET slot = -2', // and not in the sum of its hour
    found: rollup('series_hours'),
  },
  { what: 'a name', spoil: 'DELETE FROM names WHERE kind = 3', found: expect.stringMatching(/^names: names 3 -?\d+$/) },
  { what: 'a source', spoil: 'DELETE FROM sources', found: expect.stringMatching(/^names: sources -?\d+$/) },
  { what: 'a hop', spoil: "UPDATE session_hops SET to_app = 'shop'", found: 'session_hops: s-1' },
  { what: 'a hop that is missing', spoil: 'DELETE FROM session_hops', found: 'session_hops: s-1' },
  { what: 'a stay', spoil: 'UPDATE session_hops SET stay_ms = stay_ms + 1', found: 'session_hops: s-1' },
  { what: 'a day of hops', spoil: 'UPDATE hop_days SET lasts = 0', found: expect.stringContaining('hop_days: 2026-') },
  { what: 'a batch', spoil: 'UPDATE batches SET stored = stored + 1', found: expect.stringMatching(/^batches: \d+$/) },
])('$what that is wrong is found', async ({ spoil, found }) => {
  expect((await spoiled(spoil)).wrongRows).toContainEqual(found);
});

/** The accounting of a database with a fault in it, which is then mended. */
async function spoiled(sql: string) {
  const tables = [
    'sessions',
    'session_machines',
    'machines',
    'users',
    'user_count_deltas',
    'hours',
    'hour_users',
    'series_minutes',
    'series_hours',
    'session_hops',
    'hop_days',
    'names',
    'sources',
    'batches',
  ];
  for (const table of tables) await pool.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
  try {
    await pool.query(sql);
    return await accounting();
  } finally {
    for (const table of tables) {
      const { rows } = await pool.query<{ list: string }>(
        `SELECT string_agg(quote_ident(column_name), ', ') AS list FROM information_schema.columns
         WHERE table_name = $1 AND table_schema = 'public' AND is_generated = 'NEVER'`,
        [table],
      );
      const list = rows[0]?.list;
      await pool.query(`DELETE FROM ${table}; INSERT INTO ${table} (${list}) SELECT ${list} FROM kept_${table};
        DROP TABLE kept_${table}`);
    }
  }
}
