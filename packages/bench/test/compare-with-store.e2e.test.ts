import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createTestDatabase, generateEvents, runWayline, type TestDatabase } from '@wayline/testkit';
import { Client } from 'pg';
import { compareWithStore } from '../src/compare/compare-with-store.ts';
import { IdSum } from '../src/compare/id-sum.ts';

const IDS = [...generateEvents({ count: 20 })].map((line) => (JSON.parse(line) as { eventId: string }).eventId);
let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  const { code } = await runWayline(['migrate'], { env: { DATABASE_URL: database.url, LOG_LEVEL: 'warn' } });
  expect(code).toBe(0);
  client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query(`CREATE TABLE events_all PARTITION OF events FOR VALUES FROM (MINVALUE) TO (MAXVALUE)`);
});
beforeEach(() => client.query('TRUNCATE events, sessions, ledger'));
afterAll(async () => {
  await client.end();
  await database.close();
});

/** Rows as a worker leaves them; `wrong` is what it did not do as it should. */
async function store(ids: readonly string[], { read = ids.length, duplicate = 0, inSession = ids.length } = {}) {
  await client.query(
    `INSERT INTO events (project_id, session_id, occurred_at, event_id, received_at, batch_id, skew_ms, batch_index)
     SELECT 1, 's', '2026-01-05', id, '2026-01-05', 1, 0, n FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n)`,
    [ids],
  );
  await client.query(
    `INSERT INTO sessions (project_id, session_id, first_at, last_at, event_count) VALUES (1, 's', now(), now(), $1)`,
    [inSession],
  );
  await client.query(
    `INSERT INTO ledger (project_id, hour, log_id, topic, partition, read, stored, duplicate)
     VALUES (1, now(), 'log', 'wayline.events', 0, $1, $2, $3)`,
    [read, ids.length, duplicate],
  );
}

function content(ids: readonly string[], records = ids.length) {
  const sum = new IdSum();
  for (const id of ids) sum.add(id);
  return { records, events: ids.length, idSum: sum.sum };
}

test('T6: what is stored once, with all repeated records booked as duplicates, has no fault', async () => {
  await store(IDS, { read: 25, duplicate: 5 });
  expect(await compareWithStore(client, content(IDS, 25))).toEqual({
    records: 25,
    events: 20,
    stored: 20,
    duplicate: 5,
    deadLettered: 0,
    faults: [],
  });
});

test('T11: what the ledger has of another topic is not counted', async () => {
  await store(IDS);
  const { faults } = await compareWithStore(client, content(IDS), 'wayline.direct');
  expect(faults).toEqual(['the ledger has 0 records of 20 as read', 'the ledger has 0 as stored, of 20 rows']);
});

test('T6: an event that is missing is a fault', async () => {
  await store(IDS.slice(1), { read: 20, duplicate: 1 });
  const { faults } = await compareWithStore(client, content(IDS));
  expect(faults).toContain('19 rows of 20 events are stored');
  expect(faults).toContain('the ids that are stored are not those in the log');
});

test('T6: an event in place of another is a fault', async () => {
  await store(IDS.slice(0, 19));
  const { faults } = await compareWithStore(client, content(IDS.slice(1)));
  expect(faults).toEqual(['the ids that are stored are not those in the log']);
});

test('T6: an event that is stored twice is a fault', async () => {
  await store(IDS);
  await client.query(`UPDATE events SET event_id = $1, session_id = 't' WHERE event_id = $2`, [IDS[0], IDS[1]]);
  const { faults } = await compareWithStore(client, content(IDS));
  expect(faults).toContain('1 rows have an id that another has');
});

test('T11: a ledger that does not balance is a fault, and so are sessions that count otherwise', async () => {
  await store(IDS, { read: 21, inSession: 19 });
  const { faults } = await compareWithStore(client, content(IDS));
  expect(faults).toEqual([
    'the sessions count 19 events of 20',
    'the ledger has 21 records of 20 as read',
    '1 rows of the ledger do not balance',
  ]);
});
