import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Closers, createTestDatabase, runWayline } from '@wayline/testkit';
import { Client } from 'pg';
import { dumpRows } from '../src/load/dump-rows.ts';
import { runCopyJob } from '../src/load/run-copy-job.ts';
import { diskUsage } from '../src/measure/disk-usage.ts';

const closers = new Closers();
let url: string;
let client: Client;

beforeEach(async () => {
  const database = await createTestDatabase();
  closers.add(() => database.close());
  url = database.url;
  expect(await runWayline(['migrate'], { env: { DATABASE_URL: url, LOG_LEVEL: 'warn' } })).toMatchObject({ code: 0 });
  client = new Client({ connectionString: url });
  await client.connect();
  closers.add(() => client.end());
  for (const day of [1, 2]) {
    await client.query(
      `CREATE TABLE events_d${day} PARTITION OF events FOR VALUES FROM ('2026-01-0${day}') TO ('2026-01-0${day + 1}')`,
    );
  }
  // Two days, in batches that were not stored in the order of the keys; with NULLs, and a text of several bytes.
  await client.query(
    `INSERT INTO events (project_id, session_id, occurred_at, event_id, received_at, batch_id, skew_ms, batch_index, context, page)
     SELECT 1, 's' || n % 7, '2026-01-01 00:00Z'::timestamptz + n * interval '1 minute', gen_random_uuid(), now(),
       1 + n / 100, 0, n % 100, CASE WHEN n % 2 = 0 THEN '{"a": "ü"}'::json END, nullif(repeat('é', n % 50), '')
     FROM generate_series(0, 2499) n ORDER BY random()`,
  );
});
afterEach(() => closers.closeAll());

const content = async (): Promise<unknown[]> =>
  (await client.query('SELECT e::text AS row FROM events e ORDER BY batch_id, batch_index')).rows;

test('the rows that a worker stored are copied into the same tables, all and as they were', async () => {
  const before = await content();
  const dump = await dumpRows(client, join(await closers.folder('bench'), 'rows'), 400);
  expect(dump.chunks.map(({ table, rows }) => [table, rows])).toEqual([
    ...[400, 400, 400, 240].map((rows) => ['events_d1', rows]),
    ...[400, 400, 260].map((rows) => ['events_d2', rows]),
  ]);
  await client.query('TRUNCATE events');
  const report = await runCopyJob({ url, dump, connections: 3, postmasterPid: process.pid });
  expect(report).toMatchObject({ rows: 2500, seconds: expect.any(Number), databaseMicros: expect.any(Number) });
  expect(await content()).toEqual(before);
});

test('a portion holds what was stored one after the other, sorted by the key', async () => {
  const dump = await dumpRows(client, join(await closers.folder('bench'), 'rows'), 400);
  await client.query('TRUNCATE events');
  await runCopyJob({
    url,
    dump: { ...dump, chunks: dump.chunks.slice(1, 2) },
    connections: 1,
    postmasterPid: process.pid,
  });
  const { rows } = await client.query<{ key: string; batch: number }>(
    'SELECT session_id || occurred_at AS key, batch_id::int AS batch FROM events_d1 ORDER BY ctid',
  );
  expect(new Set(rows.map(({ batch }) => batch))).toEqual(new Set([5, 6, 7, 8]));
  const { rows: sorted } = await client.query<{ key: string }>(
    'SELECT session_id || occurred_at AS key FROM events_d1 ORDER BY session_id, occurred_at',
  );
  expect(rows.map(({ key }) => key)).toEqual(sorted.map(({ key }) => key));
});

test('the disk is told apart: events, each of its indexes, and the other tables', async () => {
  await client.query(
    `INSERT INTO batches SELECT n, 'log', 't', 0, n, n, now(), now(), 1, 0, 0 FROM generate_series(1, 1000) n`,
  );
  const { events, derived, relations } = await diskUsage(client);
  const byName = Object.fromEntries(relations.map(({ name, bytes }) => [name, bytes]));
  const { rows } = await client.query<{ bytes: number }>(
    `SELECT (pg_total_relation_size('events_d1') + pg_total_relation_size('events_d2'))::float8 AS bytes`,
  );
  expect(events).toBe(rows[0]?.bytes);
  const indexes = relations.filter(({ name }) => /^events_(pkey|by_)/.test(name)).map(({ name }) => name);
  expect(indexes).toContain('events_pkey');
  expect((byName.events as number) + indexes.reduce((sum, name) => sum + (byName[name] as number), 0)).toBe(events);
  expect(byName.batches).toBeGreaterThan(50_000);
  expect(byName).not.toHaveProperty('events_d1');
  const all = relations.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(derived).toBe(all - events);
});
