import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { uuidV7 } from '@wayline/contracts';
import type { TestDatabase } from '@wayline/testkit';
import type pg from 'pg';
import {
  appGraph,
  createPool,
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
  type Series,
  type SeriesQuestion,
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
import { explainReads } from './explain-reads.ts';
import {
  DAY_MS,
  DAYS,
  EVENTS_A_DAY,
  fillHistory,
  findKnown,
  HOUR_MS,
  type Known,
  MIDDLE,
  PROJECT,
  START,
} from './planned-history.ts';
import { createStoreDatabase } from './store-database.ts';
import { LOG, TOPIC } from './store-under-test.ts';

jest.setTimeout(240_000);

/** Rows that a statement may look at one after the other, without an index. */
const FEW_ROWS = 1_500;

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
      read: (reader, { eventId, occurredMs }) =>
        findEvent(reader, { projectId: PROJECT, eventId, nearMs: occurredMs + 5_000 }),
      partitions: 1,
    },
    {
      what: 'an id with a time near its own',
      read: (reader, { eventId, occurredMs }) =>
        findEvent(reader, { projectId: PROJECT, eventId, nearMs: occurredMs + 0.5 * HOUR_MS }),
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
  await fillHistory(pool);
  known = await findKnown(pool);
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

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

test('the events of a machine are summed up as they come, however many: to sort them would take the disk', async () => {
  const { machineId } = known;
  const explained = await explainReads(pool, (reader) =>
    machineSourceUses(reader, { projectId: PROJECT, machineId }, {}),
  );
  const read = Math.max(...explained.flatMap(({ reads }) => reads.map(({ rows }) => rows)));
  expect(Math.max(...explained.map(({ sorted }) => sorted))).toBeLessThan(read / 2);
});

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
