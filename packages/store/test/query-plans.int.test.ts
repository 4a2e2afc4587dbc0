import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type IdentifiedEvent, uuidV7 } from '@wayline/contracts';
import { generateEvents, type TestDatabase } from '@wayline/testkit';
import type pg from 'pg';
import {
  appGraph,
  BatchWriter,
  createPool,
  ensurePosition,
  findDeadLetter,
  findEvent,
  findSeries,
  findSession,
  gapsBefore,
  hopsPendingSince,
  hourlyCounts,
  latestUserCounts,
  ledgerHours,
  listSessions,
  locateSession,
  machineSourceUses,
  machineTimeline,
  type Reader,
  readPositions,
  readSeries,
  remakeHops,
  type Series,
  type SeriesQuestion,
  type SessionPlace,
  seriesExtent,
  sessionEvents,
  sessionGaps,
  sessionHops,
  sessionSourceUses,
  type TailFilter,
  tailBatches,
  tailCandidates,
  tailEvents,
  userCountHistory,
} from '../src/index.ts';
import { machineSeen } from '../src/queries/machine-seen.ts';
import { refuseIfExpired } from '../src/queries/series/raw-events-kept.ts';
import { batchOf, storeVerdict } from './batches.ts';
import { explainReads } from './explain-reads.ts';
import { createStoreDatabase } from './store-database.ts';
import { LOG, TOPIC, WRITING } from './store-under-test.ts';

jest.setTimeout(240_000);

/** A month and some, so many events a day: enough for the planner to choose as it does with many more. */
const DAYS = 34;
const EVENTS_A_DAY = 7_000;
const BATCH_EVENTS = 1_000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const START = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAYS * DAY_MS;
/** In the middle: partitions before and after it have as many rows. */
const MIDDLE = START + 17 * DAY_MS;
const PROJECT = 1;
/** Rows that a statement may look at one after the other, without an index. */
const FEW_ROWS = 1_500;

/** What a session, a machine and so on of the filled database are called. */
interface Known {
  place: SessionPlace;
  sessionId: string;
  eventId: string;
  userId: string;
  machineId: string;
}

interface PlannedRead {
  what: string;
  read(reader: Reader, known: Known): Promise<unknown>;
  /** Partitions of `events` that it may look into: those of its days, and of one day to both sides for clocks that are off. */
  partitions?: number;
  /** Why it may read partitions from end to end. */
  mayScan?: string;
}

const everySession = { projectId: PROJECT, range: {} };
const aDay = { fromMs: MIDDLE, toMs: MIDDLE + DAY_MS };
const aCutDay = { fromMs: MIDDLE + 90_123, toMs: MIDDLE + DAY_MS + HOUR_MS + 90_123 };
const aMonth = { fromMs: START + DAY_MS, toMs: START + (DAYS - 1) * DAY_MS };
const LAST_OF_MIDDLE = { topic: TOPIC, partition: 0, from: 17 * EVENTS_A_DAY, to: 18 * EVENTS_A_DAY };
const SERIES = { projectId: PROJECT, namespace: 'shop', type: 'click' };
const NEAR = 3;

/** Each file of `src/queries` that reads something: with what it must do well. */
const QUERIES: Readonly<Record<string, readonly PlannedRead[]>> = {
  'app-graph': [
    { what: 'of a month', range: aMonth, mayScan: 'the days of the month are all days that there are' },
    { what: 'of a day', range: aDay },
    { what: 'of a day with cut edges', range: aCutDay },
  ].map(
    ({ range, ...planned }): PlannedRead => ({
      ...planned,
      read: (reader) => appGraph(reader, { projectId: PROJECT, range, limit: 1_001, shares: [0.5, 0.95] }),
    }),
  ),
  'find-dead-letter': [
    { what: 'an id', read: (reader, { eventId }) => findDeadLetter(reader, { projectId: PROJECT, eventId }) },
  ],
  'find-event': [
    {
      what: 'an id with its session',
      read: (reader, { eventId, sessionId }) => findEvent(reader, { projectId: PROJECT, eventId, sessionId }),
      partitions: NEAR,
    },
    {
      what: 'an id with its session and its time',
      read: (reader, { eventId, sessionId }) =>
        findEvent(reader, { projectId: PROJECT, eventId, sessionId, nearMs: MIDDLE + 2 * HOUR_MS }),
      partitions: 5,
    },
    {
      what: 'an id with its time',
      read: (reader, { eventId }) => findEvent(reader, { projectId: PROJECT, eventId, nearMs: MIDDLE + 2 * HOUR_MS }),
      partitions: 2,
      mayScan: 'of one day, where that is read sooner than its primary key',
    },
    {
      what: 'any id',
      read: (reader) => findEvent(reader, { projectId: PROJECT, eventId: '00000000-0000-4000-8000-000000000000' }),
      partitions: DAYS,
      mayScan: 'there is no index by the id alone, which would cost every event that is stored',
    },
  ],
  'find-session': [{ what: 'a session', read: (reader, { sessionId }) => findSession(reader, PROJECT, sessionId) }],
  'hops-pending': [{ what: 'of a project', read: (reader) => hopsPendingSince(reader, PROJECT) }],
  'hourly-counts': [
    { what: 'of a day', read: (reader) => hourlyCounts(reader, { projectId: PROJECT, ...aDay }) },
    { what: 'of a month', read: (reader) => hourlyCounts(reader, { projectId: PROJECT, ...aMonth }) },
  ],
  'inherited-users': [
    {
      what: 'a session without a user',
      read: (reader) => findSession(reader, PROJECT, 'heir'),
    },
  ],
  'ledger-hours': [{ what: 'a day', read: (reader) => ledgerHours(reader, PROJECT, aDay) }],
  'list-sessions': [
    { what: 'all', filter: {} },
    { what: 'of a user', filter: { userId: 'u-7' } },
    { what: 'of a machine', filter: { machineId: 'm-7-1' } },
    { what: 'of an app', filter: { app: 'shop-web' } },
    { what: 'of a microservice', filter: { microservice: 'cart' } },
    { what: 'of a type', filter: { type: 'click' } },
    { what: 'of a day', filter: { range: aDay } },
    { what: 'of a day and an app', filter: { range: aDay, app: 'shop-web' } },
    { what: 'of an app that is rare', filter: { app: 'rare' } },
  ].map(
    ({ what, filter }): PlannedRead => ({
      what,
      read: (reader) => listSessions(reader, { filter: { ...everySession, ...filter }, limit: 101 }),
    }),
  ),
  'locate-session': [{ what: 'a session', read: (reader, { sessionId }) => locateSession(reader, PROJECT, sessionId) }],
  'machine-seen': [{ what: 'a machine', read: (reader, { machineId }) => machineSeen(reader, PROJECT, machineId) }],
  'machine-timeline': [
    {
      what: 'the first page of a day',
      read: (reader, { machineId }) =>
        machineTimeline(reader, { projectId: PROJECT, machineId, range: aDay, limit: 101 }),
      partitions: 1,
    },
    {
      what: 'a page of all time',
      read: (reader, { machineId }) =>
        machineTimeline(reader, {
          projectId: PROJECT,
          machineId,
          range: {},
          limit: 101,
          after: { occurredMs: MIDDLE, sessionId: 's', eventId: uuidV7(MIDDLE) },
        }),
      partitions: DAYS / 2 + 2,
    },
  ],
  'read-positions': [
    {
      what: 'of a log',
      read: (reader) => readPositions(reader, LOG.logId, LOG.group),
    },
  ],
  'series/find-series': [{ what: 'a series', read: (reader) => findSeries(reader, SERIES) }],
  'series/raw-events-kept': [
    {
      what: 'of a series',
      read: async (reader) => {
        const retention = { throughMs: Date.now(), defaultDays: undefined };
        await refuseIfExpired(reader, await aSeries(reader), { fromMs: MIDDLE, retention });
      },
      partitions: 1,
      mayScan: 'until it meets the first row, of one partition after the other from the earliest on',
    },
  ],
  'series/read-series': [
    { what: 'by hour over a month', question: { range: aMonth, granularity: 'hour' as const } },
    { what: 'by minute over a day', question: { range: aDay, granularity: 'minute' as const } },
  ].map(({ what, question }): PlannedRead => ({ what, read: (reader) => readASeries(reader, question) })),
  'series/series-edge': [
    {
      what: 'both edges of a day',
      read: (reader) => readASeries(reader, { range: aCutDay, granularity: 'hour' }),
      partitions: NEAR + 1,
    },
  ],
  'series/series-percentiles': [
    {
      what: 'of a day by hour',
      read: (reader) => readASeries(reader, { range: aDay, granularity: 'hour', aggregation: 'p95' }),
      partitions: NEAR,
      mayScan: 'a percentile takes every value, and most events of the days have one',
    },
  ],
  'series/series-rollups': [
    {
      what: 'the extent of a series',
      read: async (reader) => seriesExtent(reader, await aSeries(reader)),
    },
  ],
  'session-events': [
    {
      what: 'a page',
      read: (reader, { place }) => sessionEvents(reader, place, { limit: 101 }),
      partitions: NEAR,
    },
    {
      what: 'a page of a type',
      read: (reader, { place }) => sessionEvents(reader, place, { limit: 101, type: 'click' }),
      partitions: NEAR,
    },
  ],
  'session-gaps': [
    { what: 'of a session', read: (reader, { place }) => sessionGaps(reader, place, 101), partitions: NEAR },
    {
      what: 'before its events',
      read: async (reader, { place }) => {
        const events = (await sessionEvents(reader, place, { limit: 20 })).map(({ event }) => event);
        await gapsBefore(
          reader,
          place,
          events.map((event, n) => ({ ...event, seq: 2 * n + 3 })),
        );
      },
      partitions: NEAR,
    },
  ],
  'session-hops': [
    { what: 'of a session', read: (reader, { place }) => sessionHops(reader, place, 10_001), partitions: NEAR },
  ],
  'source-uses': [
    { what: 'of a session', read: (reader, { place }) => sessionSourceUses(reader, place), partitions: NEAR },
    {
      what: 'of a machine, in a day',
      read: (reader, { machineId }) => machineSourceUses(reader, { projectId: PROJECT, machineId }, aDay),
      partitions: 3,
    },
  ],
  'stored-session': [{ what: 'a session', read: (reader, { sessionId }) => findSession(reader, PROJECT, sessionId) }],
  'tail-batches': [
    {
      what: 'after an offset',
      read: (reader) => tailBatches(reader, { logId: LOG.logId, stretches: [LAST_OF_MIDDLE], limit: 100 }),
    },
  ],
  'tail-candidates': [
    { what: 'of a project', filter: {} },
    { what: 'of a session', filter: { sessionId: 's' } },
    { what: 'of a type and an app', filter: { type: 'click', app: 'shop-web' } },
  ].map(({ what, filter }): PlannedRead => ({ what, read: (reader) => candidatesOf(reader, filter), partitions: 2 })),
  'tail-events': [
    {
      what: 'of candidates',
      read: async (reader) => tailEvents(reader, (await candidatesOf(reader, {})).slice(0, 100)),
      partitions: 2,
    },
  ],
  'user-counts': [
    { what: 'the latest', read: (reader) => latestUserCounts(reader, PROJECT) },
    {
      what: 'the history of a day',
      read: (reader) => userCountHistory(reader, { projectId: PROJECT, range: aDay, limit: 101 }),
    },
  ],
};

/** What a reader of the tail is shown of one batch. */
async function candidatesOf(reader: Reader, filter: Partial<TailFilter>) {
  const batches = await tailBatches(reader, { logId: LOG.logId, stretches: [LAST_OF_MIDDLE], limit: 1 });
  if (batches.length === 0) throw new Error('The database is not filled as it should be');
  return tailCandidates(reader, batches, { filters: [{ projectId: PROJECT, ...filter }], limit: 2_000 });
}

async function aSeries(reader: Reader): Promise<Series> {
  const series = await findSeries(reader, SERIES);
  if (!series) throw new Error('The database is not filled as it should be');
  return series;
}

async function readASeries(reader: Reader, question: Partial<SeriesQuestion> & Pick<SeriesQuestion, 'range'>) {
  const retention = { throughMs: Date.now(), defaultDays: undefined };
  const series = await aSeries(reader);
  return readSeries(reader, series, { granularity: 'none', aggregation: 'avg', retention, ...question });
}

let database: TestDatabase;
let pool: pg.Pool;
let known: Known;

beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'test' });
  await fill(pool);
  known = await findKnown(pool);
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

/** Each day has sessions of its own, within two hours of it, as sessions are; users and machines come again. */
async function fill(pool: pg.Pool): Promise<void> {
  const writer = new BatchWriter({ pool, ...WRITING });
  await ensurePosition(pool, { ...LOG, topic: TOPIC, partition: 0 }, 0);
  let firstOffset = 0;
  const write = async (events: readonly IdentifiedEvent[], timeMs: number): Promise<void> => {
    await writer.write([
      batchOf(
        { firstOffset },
        events.map((event) => storeVerdict(event, { timeMs })),
      ),
    ]);
    firstOffset += events.length;
  };
  for (let day = 0; day < DAYS; day++) {
    const dayMs = START + day * DAY_MS;
    const start = new Date(dayMs + HOUR_MS).toISOString();
    const lines = generateEvents({ count: EVENTS_A_DAY, hours: 2, start, seed: day + 1 });
    const events = [...lines].map((line) => JSON.parse(line) as IdentifiedEvent);
    for (let n = 0; n < events.length; n += BATCH_EVENTS) await write(events.slice(n, n + BATCH_EVENTS), dayMs);
  }
  const rare = { type: 'sessionStarted', source: { kind: 'app' as const, name: 'rare' } };
  await write(
    [
      { eventId: uuidV7(MIDDLE), sessionId: 'ancestor', occurredAt: MIDDLE, userId: 'u-7', ...rare },
      {
        eventId: uuidV7(MIDDLE),
        sessionId: 'heir',
        occurredAt: MIDDLE + 1,
        context: { previousSessionId: 'ancestor' },
        ...rare,
      },
    ],
    MIDDLE,
  );
  const { signal } = new AbortController();
  const dirty = async () => (await pool.query('SELECT FROM dirty_sessions LIMIT 1')).rowCount;
  while (await dirty()) await remakeHops(pool, signal); // marks must be a second old
  await pool.query('VACUUM ANALYZE');
}

/** A session and a machine with an ordinary number of events, in the middle of all days. */
async function findKnown(pool: pg.Pool): Promise<Known> {
  const { rows } = await pool.query(
    `SELECT e.session_id AS "sessionId", e.event_id AS "eventId", e.user_id AS "userId", e.machine_id AS "machineId"
     FROM events e JOIN sessions s USING (project_id, session_id)
     WHERE occurred_at >= $1 AND occurred_at < $2 AND event_count BETWEEN 40 AND 80 AND e.user_id <> 'u-0'
     ORDER BY e.event_id LIMIT 1`,
    [new Date(MIDDLE + 2 * HOUR_MS), new Date(MIDDLE + 3 * HOUR_MS)],
  );
  const place = await locateSession(pool as unknown as Reader, PROJECT, rows[0].sessionId);
  if (!place) throw new Error('The database is not filled as it should be');
  return { ...rows[0], place };
}

const isEvents = (table: string): boolean => /^events(_|$)/.test(table);

describe.each(Object.entries(QUERIES).flatMap(([file, reads]) => reads.map((planned) => ({ file, ...planned }))))(
  '$file: $what',
  ({ read, partitions = 0, mayScan }) => {
    test('is answered through indexes, and from the partitions of its time alone', async () => {
      const explained = await explainReads(pool, (reader) => read(reader, known));
      expect(explained.length).toBeGreaterThan(0);
      const scans = explained.flatMap(({ sql, reads }) =>
        reads
          .filter(({ how, table, rows }) => how.includes('Seq Scan') && (isEvents(table) || rows > FEW_ROWS))
          .map(({ table, rows }) => `${table} (${rows} rows) from end to end, by ${sql}`),
      );
      if (!mayScan) expect(scans).toEqual([]);
      for (const { reads } of explained) {
        const touched = new Set(reads.filter(({ table }) => isEvents(table)).map(({ table }) => table));
        expect([...touched].sort().slice(partitions)).toEqual([]);
      }
    });
  },
);

test('every query has a plan that it must have: a new one in src/queries is to be named above', async () => {
  const folder = new URL('../src/queries/', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('index.ts'),
  );
  const queries: string[] = [];
  for (const file of files) {
    if (/\b(Reader|Pool)\b/.test(await readFile(new URL(file, folder), 'utf8'))) queries.push(file.replace('.ts', ''));
  }
  expect(Object.keys(QUERIES).sort()).toEqual(queries.sort());
});
