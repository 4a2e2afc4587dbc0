import { expect, test } from '@jest/globals';
import { eventTimes, type IdentifiedEvent, readLoggedEvent, readRecordValue } from '@wayline/contracts';
import fc from 'fast-check';
import { EventTable, type JudgedRecord, type StorableEvent } from '../src/index.ts';
import { batchOf } from './batches.ts';
import { storeUnderTest, TOPIC } from './store-under-test.ts';

const store = storeUnderTest({ partitions: 2 });

const NOW = Date.parse('2026-11-20T12:30:00Z');
/** Of UUIDv7: its time. */
const UUID_OF_NOW = `${NOW.toString(16).padStart(12, '0').slice(0, 8)}-${NOW.toString(16).padStart(12, '0').slice(8)}`;
const TEXT = fc.oneof(
  {
    arbitrary: fc.constantFrom(
      'a',
      'b',
      'größe',
      '🚲',
      '',
      'a long text that is longer than what is copied by hand, byte by byte',
    ),
    weight: 5,
  },
  { arbitrary: fc.string({ maxLength: 40 }), weight: 1 },
);
const EVENT = fc.record(
  {
    eventId: fc.oneof(
      fc.uuid({ version: 4 }),
      fc.uuid({ version: 7 }).map((id) => UUID_OF_NOW + id.slice(13)),
    ),
    sessionId: fc.constantFrom('s', 's-1', 's-2', 'größe', 's-3 of a longer name'),
    type: fc.constantFrom(
      'click',
      'impression',
      'objectInView',
      'pageVisit',
      'sessionStarted',
      'sessionEnded',
      'größe',
    ),
    occurredAt: fc.integer({ min: NOW - 7_200_000, max: NOW }).map((ms) => new Date(ms).toISOString()),
    namespace: fc.constantFrom('shop', 'default', 'größe'),
    userId: TEXT,
    anonymousId: TEXT,
    machineId: TEXT,
    platform: fc.constantFrom('web', 'mobile', 'server'),
    source: fc.record(
      {
        kind: fc.constantFrom('app', 'microservice'),
        name: fc.constantFrom('a', 'größe'),
        version: fc.constantFrom('1', ''),
      },
      { requiredKeys: ['kind', 'name'] },
    ),
    target: TEXT,
    page: TEXT,
    referrer: TEXT,
    userAgent: TEXT,
    value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), fc.integer()),
    seq: fc.nat(),
    context: fc.dictionary(
      fc.constantFrom('a', 'reason', 'previousSessionId'),
      fc.oneof(TEXT, fc.constant('refreshed'), fc.integer(), fc.boolean()),
    ),
  },
  { requiredKeys: ['eventId', 'sessionId', 'type'] },
) as fc.Arbitrary<IdentifiedEvent>;
const SKEW = fc.constantFrom(undefined, -7_000, 3_600_000, 13 * 3_600_000, 30 * 3_600_000);
const LOGGED = fc.tuple(EVENT, SKEW);

type Logged = { event: IdentifiedEvent; skew?: number | undefined };

const loggedValue = (project: number, { event, skew }: Logged): Buffer =>
  Buffer.from(JSON.stringify({ project, receivedAt: NOW, ...(skew !== undefined && { skew }), event }));

function readInFull(value: Buffer): StorableEvent {
  const parsed = readRecordValue(value);
  const read = 'json' in parsed ? readLoggedEvent(parsed.json, parsed.escaped) : parsed;
  if ('refused' in read) throw new Error(read.refused.detail);
  const { event, receivedMs, skewMs } = read;
  return { event, receivedMs, times: eventTimes(event, receivedMs, skewMs) };
}

const recordOf = (projectId: number, value: Buffer, verdict: JudgedRecord['verdict']) => ({
  timeMs: NOW,
  projectId,
  original: { key: null, value, headers: {} },
  verdict,
});

/** Everything of a project, but for what numbers its batches. */
const OF_PROJECT = `
  SELECT (SELECT json_agg(to_jsonb(e) - 'project_id' - 'batch_id' ORDER BY session_id, occurred_at, event_id) FROM events e WHERE project_id = $1) AS events,
    (SELECT json_agg(context::text ORDER BY session_id, occurred_at, event_id) FROM events WHERE project_id = $1) AS contexts,
    (SELECT json_agg(to_jsonb(s) - 'project_id' - 'source_ids' - 'type_ids' ORDER BY session_id) FROM sessions s WHERE project_id = $1) AS sessions,
    (SELECT json_agg(ARRAY(SELECT unnest(source_ids) ORDER BY 1) || ARRAY(SELECT unnest(type_ids) ORDER BY 1) ORDER BY session_id) FROM sessions WHERE project_id = $1) AS names,
    (SELECT json_agg(to_jsonb(m) - 'project_id' ORDER BY machine_id, session_id) FROM session_machines m WHERE project_id = $1) AS session_machines,
    (SELECT json_agg(to_jsonb(m) - 'project_id' ORDER BY machine_id) FROM machines m WHERE project_id = $1) AS machines,
    (SELECT json_agg(to_jsonb(u) - 'project_id' ORDER BY user_id) FROM users u WHERE project_id = $1) AS users,
    (SELECT json_agg(to_jsonb(h) - 'project_id' ORDER BY hour, user_id) FROM hour_users h WHERE project_id = $1) AS hour_users,
    (SELECT json_agg(to_jsonb(h) - 'project_id' - 'slot' ORDER BY hour) FROM hours h WHERE project_id = $1) AS hours,
    (SELECT json_agg(to_jsonb(m) - 'project_id' - 'slot' ORDER BY namespace_id, type_id, minute) FROM series_minutes m WHERE project_id = $1) AS minutes,
    (SELECT json_agg(to_jsonb(u) - 'project_id' - 'claimed_at' ORDER BY event_id, session_id) FROM unclocked_ids u WHERE project_id = $1) AS claims,
    (SELECT json_agg(to_jsonb(d) - 'project_id' - 'id' - 'dirty_at' ORDER BY session_id) FROM dirty_sessions d WHERE project_id = $1) AS dirty,
    (SELECT json_agg(to_jsonb(l) - 'project_id' - 'partition' ORDER BY hour) FROM ledger l WHERE project_id = $1) AS ledger`;

test('T6: what is stored from the bytes of records is what is stored of records that were read in full', async () => {
  let fromBytes = 0;
  let project = 0;
  const offsets = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(LOGGED, { minLength: 1, maxLength: 60 }), fc.nat(5), async (generated, repeats) => {
      const { writer, pool } = store();
      const given: Logged[] = generated.map(([event, skew]) => ({ event, skew }));
      given.push(...given.slice(0, repeats)); // retries within a transaction
      const [scanned, read] = [++project, ++project];
      const table = new EventTable();
      const ofBytes = given.map((logged) => {
        const value = loggedValue(scanned, logged);
        const row = table.addLogged(value, 0, value.length);
        if (row >= 0) fromBytes++;
        return recordOf(scanned, value, row < 0 ? { store: readInFull(value) } : { row });
      });
      const inFull = given.map((logged) => {
        const value = loggedValue(read, logged);
        return recordOf(read, value, { store: readInFull(value) });
      });
      await writer.write([batchOf({ topic: TOPIC, partition: 0, firstOffset: offsets[0] as number }, ofBytes)], table);
      await writer.write([batchOf({ topic: TOPIC, partition: 1, firstOffset: offsets[1] as number }, inFull)]);
      offsets[0] = (offsets[0] as number) + given.length;
      offsets[1] = (offsets[1] as number) + given.length;
      const [left, right] = [await pool.query(OF_PROJECT, [scanned]), await pool.query(OF_PROJECT, [read])];
      expect(left.rows).toEqual(right.rows);
    }),
    { numRuns: 60 },
  );
  expect(fromBytes).toBeGreaterThan(100);
});
