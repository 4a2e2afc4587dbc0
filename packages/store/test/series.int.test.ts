import { beforeEach, describe, expect, test } from '@jest/globals';
import { uuidV7 } from '@wayline/contracts';
import fc from 'fast-check';
import type pg from 'pg';
import {
  AGGREGATIONS,
  type Aggregation,
  BatchWriter,
  type BySessions,
  compactRollups,
  countBuckets,
  GRANULARITIES,
  type Granularity,
  NAME_KINDS,
  nameId,
  ofSeries,
  readOnly,
  readSeries,
  type Series,
} from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { storeUnderTest, WRITING } from './store-under-test.ts';

const PARTITIONS = 3;
const store = storeUnderTest({ partitions: PARTITIONS });
let pool: pg.Pool;
let writers: { writer: BatchWriter; offset: number }[];
beforeEach(() => {
  ({ pool } = store());
  // Each has slots of its own: several rows stand for one minute.
  writers = Array.from({ length: PARTITIONS }, () => ({ writer: new BatchWriter({ pool, ...WRITING }), offset: 0 }));
});

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Wednesday: the first day of a month and of a year, in an ISO week of the year before. */
const NEW_YEAR = Date.UTC(2025, 0, 1);

interface Sent {
  atMs: number;
  skewMs: number;
  value: number | undefined;
  type: string;
  namespace: string;
  /** −1: one of its own. */
  session: number;
  partition: number;
}

interface Asked {
  fromMs: number;
  toMs: number;
  granularity: Granularity;
  aggregation: Aggregation;
  type: string;
  namespace: string;
  /** Whether percentiles are gathered by sessions, or by whole partitions. */
  bySessions: BySessions | undefined;
}

/** Close together, so that minutes and their bounds are met often, and events lie just where a range is cut; and far apart. */
const time = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -3 * MINUTE, max: 3 * MINUTE }) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.integer({ min: -8, max: 8 }), fc.constantFrom(0, 0, 0, -1, 1))
      .map(([n, ms]) => n * 20 * SECOND + ms),
  },
  { weight: 2, arbitrary: fc.integer({ min: -3 * HOUR, max: 3 * HOUR }) },
  { weight: 2, arbitrary: fc.integer({ min: -9 * DAY, max: 9 * DAY }) },
  { weight: 1, arbitrary: fc.integer({ min: -40 * DAY, max: 400 * DAY }) },
);
const skew = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -10 * SECOND, max: 10 * SECOND }) },
  { weight: 2, arbitrary: fc.integer({ min: -DAY, max: DAY }) },
);
const sent: fc.Arbitrary<Sent> = fc.record({
  atMs: time,
  skewMs: skew,
  value: fc.option(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
    nil: undefined,
    freq: 3,
  }),
  type: fc.constantFrom('load', 'load', 'load', 'taken'),
  namespace: fc.constantFrom('shop', 'shop', 'shop', 'held'),
  session: fc.integer({ min: -1, max: 3 }),
  partition: fc.nat(PARTITIONS - 1),
});
const asked: fc.Arbitrary<Asked> = fc
  .record({
    bounds: fc.tuple(time, time),
    granularity: fc.constantFrom(...GRANULARITIES),
    aggregation: fc.constantFrom(...AGGREGATIONS),
    type: fc.constantFrom('load', 'load', 'load', 'taken'),
    namespace: fc.constantFrom('shop', 'shop', 'shop', 'held'),
    bySessions: fc.constantFrom(undefined, { spanMs: 0, values: 0 }),
  })
  .map(({ bounds: [a, b], ...rest }) => ({ ...rest, fromMs: Math.min(a, b), toMs: Math.max(a, b) }));

async function write(projectId: number, events: readonly Sent[]): Promise<void> {
  for (const [partition, place] of writers.entries()) {
    const records = events
      .filter((event) => event.partition === partition)
      .map(({ atMs, skewMs, value, type, namespace, session }) => {
        const occurredAt = NEW_YEAR + atMs - skewMs;
        return storeVerdict(
          eventOf({
            eventId: uuidV7(occurredAt),
            sessionId: session < 0 ? `of ${occurredAt}` : `s-${session}`,
            type,
            namespace,
            value,
            occurredAt,
          }),
          { projectId, skewMs },
        );
      });
    if (records.length === 0) continue;
    await place.writer.write([batchOf({ partition, firstOffset: place.offset }, records)]);
    place.offset += records.length;
  }
}

interface Group {
  firstMs: number;
  value: number;
  count: number;
}

const PERCENTS: Partial<Record<Aggregation, number>> = { p50: 0.5, p95: 0.95, p99: 0.99 };

/** Every event of the project looked at, by its names themselves. */
async function bruteForce(
  projectId: number,
  { fromMs, toMs, type, namespace, granularity, aggregation }: Asked,
): Promise<Group[]> {
  const percent = PERCENTS[aggregation];
  const value =
    aggregation === 'count'
      ? 'count(*)'
      : percent
        ? `percentile_cont(${percent}) WITHIN GROUP (ORDER BY value)`
        : `${aggregation}(value)`;
  const group = granularity === 'none' ? '()' : `date_trunc('${granularity}', at AT TIME ZONE 'UTC')`;
  const { rows } = await pool.query<Group>(
    `SELECT min(at) AS "firstMs", ${value} AS value, count(*) AS count FROM (
       SELECT e.value, e.occurred_at + e.skew_ms * interval '1 ms' AS at,
         coalesce(t.name, e.inline_names ->> 'type') AS type, coalesce(n.name, e.inline_names ->> 'namespace') AS namespace
       FROM events e LEFT JOIN names t ON t.project_id = e.project_id AND t.kind = 1 AND t.id = e.type_id
       LEFT JOIN names n ON n.project_id = e.project_id AND n.kind = 2 AND n.id = e.namespace_id
       WHERE e.project_id = $1
     ) all_events
     WHERE type = $2 AND namespace = $3 AND at >= $4 AND at < $5 ${aggregation === 'count' ? '' : 'AND value IS NOT NULL'}
     GROUP BY ${group} HAVING count(*) > 0 ORDER BY 1`,
    [projectId, type, namespace, new Date(NEW_YEAR + fromMs), new Date(NEW_YEAR + toMs)],
  );
  return rows;
}

const retention = { throughMs: Date.now(), defaultDays: undefined };

async function ask(projectId: number, { fromMs, toMs, type, namespace, ...how }: Asked): Promise<Group[]> {
  const range = { fromMs: NEW_YEAR + fromMs, toMs: NEW_YEAR + toMs };
  return readOnly(pool, { statementTimeoutMs: 20_000 }, async (reader) => {
    const read = async (series: Series) => readSeries(reader, series, { range, retention, ...how });
    const points = (await ofSeries(reader, { projectId, namespace, type }, read)) ?? [];
    expect(points.length).toBeLessThanOrEqual(countBuckets(how.granularity, range));
    return points.map(({ firstMs, value, count }) => ({ firstMs, value, count }));
  });
}

/** Sums of doubles differ in their last digits with the order in which they are taken. */
const close = (groups: readonly Group[]) =>
  groups.map((group) => ({ ...group, value: expect.closeTo(group.value, 4) as unknown as number }));

async function expectRight(projectId: number, questions: readonly Asked[]): Promise<void> {
  for (const question of questions) {
    const found = { question, groups: await ask(projectId, question) };
    expect(found).toEqual({ question, groups: close(await bruteForce(projectId, question)) });
  }
}

describe('A6: series', () => {
  test('of any events equal brute force, before and after rollups are compacted, and with what comes late', async () => {
    const { signal } = new AbortController();
    let projectId = 100;
    await fc.assert(
      fc.asyncProperty(
        fc.array(sent, { minLength: 1, maxLength: 120 }),
        fc.array(sent, { maxLength: 60 }),
        fc.array(asked, { minLength: 20, maxLength: 40 }),
        async (first, late, questions) => {
          projectId++;
          // Their hashes belong to other names.
          await pool.query(
            `INSERT INTO names (project_id, kind, id, name) VALUES ($1, $2, $3, 'other'), ($1, $4, $5, 'other')`,
            [
              projectId,
              NAME_KINDS.type,
              nameId(NAME_KINDS.type, 'taken'),
              NAME_KINDS.namespace,
              nameId(NAME_KINDS.namespace, 'held'),
            ],
          );
          await write(projectId, first);
          await expectRight(projectId, questions);
          await compactRollups(pool, signal);
          await expectRight(projectId, questions);
          await write(projectId, late);
          await expectRight(projectId, questions);
        },
      ),
      { numRuns: 25 },
    );
  }, 240_000);
});
