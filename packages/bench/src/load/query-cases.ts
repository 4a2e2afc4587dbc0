import type { Client } from 'pg';

/** One of the queries of docs, and how soon its answers are to be there. */
export interface QueryCase {
  name: string;
  /** p99, ms: of the query alone, and while a worker stores, where there is one. */
  targetMs: number;
  storingTargetMs?: number;
  /** To choose from, each another one where there are others. */
  paths: readonly string[];
  /** Of a good answer. Default 200. */
  status?: number;
}

/** Of these a query is asked in turn. */
const SAMPLES = 300;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The generator's, of all events. */
const NAMESPACE = 'shop';
/** What a range is moved by, so that it cuts through buckets of every size. */
const CUT_MS = 17 * 60_000 + 23_456;

interface Sample {
  session: string;
  machine: string;
  user: string;
  event: string;
}

/** When the events lie that queries are about: whole days, epoch ms. */
export interface QuerySpan {
  fromMs: number;
  days: number;
}

/** The queries of the performance targets, over sessions, machines and users that there are, and days of the span. */
export async function findQueryCases(client: Client, { fromMs, days }: QuerySpan): Promise<QueryCase[]> {
  const samples = await readSamples(client, fromMs + days * DAY_MS);
  const names = await readNames(client);
  const toMs = fromMs + days * DAY_MS;
  const of = (path: (sample: Sample) => string) => samples.map(path);
  const session = (rest: string) => of(({ session: id }) => `/v1/sessions/${encodeURIComponent(id)}${rest}`);
  const list = (name: string, query: readonly string[]): QueryCase => ({
    name: `sessions ${name}`,
    targetMs: 20,
    storingTargetMs: 40,
    paths: query.map((filter) => `/v1/sessions?limit=100&${filter}`),
  });
  const series = (name: string, granularity: string, ranges: readonly string[]): QueryCase => ({
    name: `series by ${granularity}, ${name}`,
    targetMs: 20,
    storingTargetMs: 40,
    paths: names.types.flatMap((type) =>
      ranges.map(
        (range) =>
          `/v1/series/${NAMESPACE}/${encodeURIComponent(type)}?granularity=${granularity}&aggregation=avg&${range}`,
      ),
    ),
  });
  const between = (from: number, to: number) => `from=${from}&to=${to}`;
  const all = between(fromMs, toMs);
  const eachDay = Array.from({ length: days }, (_, day) => fromMs + day * DAY_MS);
  const ofADay = eachDay.map((day) => between(day, day + DAY_MS));
  const cutDay = eachDay.slice(0, -1).map((day) => between(day + CUT_MS, day + DAY_MS + CUT_MS));
  const eachHour = Array.from({ length: SAMPLES }, (_, n) => fromMs + ((n * 7) % (days * 24)) * HOUR_MS);
  return [
    { name: 'session summary', targetMs: 5, storingTargetMs: 10, paths: session('') },
    { name: 'components', targetMs: 10, storingTargetMs: 20, paths: session('/components') },
    { name: 'navigation', targetMs: 10, storingTargetMs: 20, paths: session('/navigation') },
    { name: 'events page of 100', targetMs: 10, storingTargetMs: 20, paths: session('/events?limit=100') },
    list(
      'of a user',
      of(({ user }) => `userId=${user}`),
    ),
    list(
      'of a machine',
      of(({ machine }) => `machineId=${machine}`),
    ),
    list(
      'of an app',
      names.apps.map((name) => `app=${name}`),
    ),
    list(
      'of a microservice',
      names.microservices.map((name) => `microservice=${name}`),
    ),
    list(
      'of a type',
      names.types.map((name) => `type=${name}`),
    ),
    list('of a day', ofADay),
    {
      name: 'machine timeline page',
      targetMs: 15,
      storingTargetMs: 30,
      paths: of(({ machine }) => `/v1/machines/${machine}/timeline?limit=100&${all}`),
    },
    {
      name: `machine's microservices, ${days} days`,
      targetMs: 50,
      storingTargetMs: 100,
      paths: of(({ machine }) => `/v1/machines/${machine}/microservices?${all}`),
    },
    {
      name: 'fate of an event, with its session',
      targetMs: 5,
      storingTargetMs: 10,
      paths: of(({ event, session: id }) => `/v1/events/${event}?sessionId=${encodeURIComponent(id)}`),
    },
    {
      name: 'fate of an event, UUIDv7',
      targetMs: 150,
      storingTargetMs: 300,
      paths: of(({ event }) => `/v1/events/${event}`),
    },
    {
      name: 'fate of an event, any id',
      targetMs: 3_000,
      paths: samples.map((_, n) => `/v1/events/${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`),
      status: 404,
    },
    series(`${days} days`, 'hour', [all]),
    series('a day', 'minute', ofADay),
    series(`${days} days with cut edges`, 'hour', [between(fromMs + CUT_MS, toMs - CUT_MS)]),
    series('a day with cut edges', 'minute', cutDay),
    {
      name: 'hourly uniques, one hour',
      targetMs: 5,
      storingTargetMs: 10,
      paths: eachHour.map((hour) => `/v1/analytics/hourly?${between(hour, hour + HOUR_MS)}`),
    },
    {
      name: `hourly uniques, ${days} days`,
      targetMs: 30,
      storingTargetMs: 60,
      paths: [`/v1/analytics/hourly?${all}`],
    },
    {
      name: 'app → app graph, a day',
      targetMs: 50,
      storingTargetMs: 100,
      paths: ofADay.map((day) => `/v1/navigation?${day}`),
    },
    {
      name: `app → app graph, ${days} days`,
      targetMs: 300,
      storingTargetMs: 600,
      paths: [`/v1/navigation?${all}`],
    },
  ];
}

/** Sessions drawn by a hash of their id, each with one of its events. @param toMs only those begun before */
async function readSamples(client: Client, toMs: number): Promise<Sample[]> {
  const { rows } = await client.query<Sample>(
    `SELECT s.session_id AS session, machine_id AS machine, user_id AS user, event.event_id AS event
     FROM (
       SELECT * FROM sessions WHERE machine_id IS NOT NULL AND user_id IS NOT NULL AND last_at < $1
       ORDER BY hashtext(session_id) LIMIT ${SAMPLES}
     ) s CROSS JOIN LATERAL (
       SELECT event_id FROM events e WHERE e.project_id = s.project_id AND e.session_id = s.session_id
         AND e.occurred_at BETWEEN s.first_at AND s.last_at LIMIT 1
     ) event`,
    [new Date(toMs)],
  );
  if (rows.length === 0) throw new Error('There is no session that could be asked for');
  return rows;
}

async function readNames(client: Client): Promise<Record<'apps' | 'microservices' | 'types', string[]>> {
  const { rows } = await client.query<{ kind: 'apps' | 'microservices' | 'types'; name: string }>(
    `SELECT DISTINCT CASE kind WHEN 1 THEN 'apps' ELSE 'microservices' END AS kind, name FROM sources
     UNION SELECT 'types', name FROM names WHERE kind = 1 ORDER BY 1, 2`,
  );
  const of = (kind: string) => rows.filter((row) => row.kind === kind).map(({ name }) => name);
  return { apps: of('apps'), microservices: of('microservices'), types: of('types') };
}
