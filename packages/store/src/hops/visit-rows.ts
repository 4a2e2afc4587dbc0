import type { PoolClient } from 'pg';
import { appSteps } from '../queries/app-steps.ts';
import { SESSION_ORDER } from '../queries/session-order.ts';
import { bigints, booleans, integers, smallints, texts, timestamps, uuids } from '../write/binary-array.ts';
import { occurredBounds, type Stretch } from './take-stretches.ts';
import { type Arrival, stayClass, type Visit } from './visits.ts';

export interface PlacedVisit extends Visit {
  /** Whether it lies in the stretch, after it, or before it. */
  place: 'within' | 'after' | 'before';
}

const STRETCHES = `unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
  $6::timestamptz[]) WITH ORDINALITY AS d (project_id, session_id, from_at, upper, occurred_from, occurred_to, stretch)`;

const valuesOf = (stretches: readonly Stretch[]): unknown[] =>
  (['project_id', 'session_id', 'from_at', 'upper', 'occurred_from', 'occurred_to'] as const).map((column) =>
    stretches.map((stretch) => stretch[column]),
  );

const STEPS = appSteps([], {
  projectId: 'd.project_id',
  sessionId: 'd.session_id',
  occurredFrom: 'd.occurred_from',
  occurredTo: 'd.occurred_to',
  correctedFrom: 'd.from_at',
  also: 'occurred_at BETWEEN $7 AND $8',
});

const ARRIVALS = `
  SELECT d.stretch::integer - 1 AS stretch, corrected_at AS at, event_id, app
  FROM ${STRETCHES} CROSS JOIN LATERAL (${STEPS}) steps
  WHERE steps.before IS DISTINCT FROM steps.app AND steps.corrected_at BETWEEN d.from_at AND d.upper
  ORDER BY d.stretch, ${SESSION_ORDER}`;

/**
 * Where visits begin within each stretch, in the session's order; its first event of an app among them, though that may be of the
 * app that was being visited.
 */
export async function readArrivals(client: PoolClient, stretches: readonly Stretch[]): Promise<Arrival[][]> {
  const { rows } = await client.query<{ stretch: number; at: number; event_id: string; app: string }>(ARRIVALS, [
    ...valuesOf(stretches),
    ...occurredBounds(stretches),
  ]);
  const found: Arrival[][] = stretches.map(() => []);
  for (const { stretch, at, event_id, app } of rows) found[stretch]?.push({ atMs: at, eventId: event_id, app });
  return found;
}

const COLUMNS = `h.at, h.event_id, h.from_app, h.to_app, h.nth, h.stay_ms, h.app_before_at, h.edge_before_at, h.is_loop,
  h.is_last`;

const KEPT = `
  SELECT d.stretch::integer - 1 AS stretch, h.place, ${COLUMNS}
  FROM ${STRETCHES} CROSS JOIN LATERAL (
    SELECT CASE WHEN at <= d.upper THEN 'within' ELSE 'after' END AS place, kept.* FROM session_hops kept
    WHERE project_id = d.project_id AND session_id = d.session_id AND at >= d.from_at
    UNION ALL
    (SELECT 'before', kept.* FROM session_hops kept
     WHERE project_id = d.project_id AND session_id = d.session_id AND at < d.from_at ORDER BY at DESC, nth DESC LIMIT 2)
  ) h
  ORDER BY d.stretch, h.at, h.nth`;

interface VisitRecord {
  stretch: number;
  place: PlacedVisit['place'];
  at: number;
  event_id: string;
  from_app: string;
  to_app: string;
  nth: number;
  stay_ms: number | null;
  app_before_at: number | null;
  edge_before_at: number | null;
  is_loop: boolean;
  is_last: boolean;
}

/** The visits that stand in the table: from each stretch on, and the last two before it; in the session's order. */
export async function readVisits(client: PoolClient, stretches: readonly Stretch[]): Promise<PlacedVisit[][]> {
  const { rows } = await client.query<VisitRecord>(KEPT, valuesOf(stretches));
  const found: PlacedVisit[][] = stretches.map(() => []);
  for (const row of rows) {
    found[row.stretch]?.push({
      place: row.place,
      atMs: row.at,
      eventId: row.event_id,
      app: row.to_app,
      from: row.stay_ms === null ? undefined : row.from_app,
      nth: row.nth,
      stayMs: row.stay_ms ?? undefined,
      appBeforeMs: row.app_before_at ?? undefined,
      edgeBeforeMs: row.edge_before_at ?? undefined,
      isLoop: row.is_loop,
      isLast: row.is_last,
    });
  }
  return found;
}

/** What is looked for before a stretch: the last visit to an app; with `edge`, by the hop from another one. */
export interface Lookup {
  stretch: Stretch;
  app: string;
  edge?: { from: string } | undefined;
}

const LAST_BEFORE = `
  SELECT (SELECT max(at) FROM session_hops h
    WHERE h.project_id = w.project_id AND h.session_id = w.session_id AND h.at < w.from_at AND h.to_app = w.app
      AND (w.of_any OR (h.from_app = w.from_app AND h.stay_class >= 0))) AS at
  FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::boolean[]) WITH ORDINALITY
    AS w (project_id, session_id, from_at, app, from_app, of_any, n)
  ORDER BY w.n`;

/** When that was, epoch ms, in the order of the list; undefined where it never was. */
export async function lastBefore(
  client: PoolClient,
  lookups: readonly Lookup[],
): Promise<readonly (number | undefined)[]> {
  if (lookups.length === 0) return [];
  const { rows } = await client.query<{ at: number | null }>(LAST_BEFORE, [
    integers(lookups.map(({ stretch }) => stretch.project_id)),
    texts(lookups.map(({ stretch }) => stretch.session_id)),
    lookups.map(({ stretch }) => stretch.from_at),
    texts(lookups.map(({ app }) => app)),
    texts(lookups.map(({ edge }) => edge?.from ?? '')),
    booleans(lookups.map(({ edge }) => edge === undefined)),
  ]);
  return rows.map(({ at }) => at ?? undefined);
}

/** A visit with the session that it is of. */
export interface SessionVisit {
  projectId: number;
  sessionId: string;
  visit: Visit;
}

const REMOVE = `
  DELETE FROM session_hops h USING unnest($1::integer[], $2::text[], $3::timestamptz[], $4::integer[])
    AS d (project_id, session_id, at, nth)
  WHERE h.project_id = d.project_id AND h.session_id = d.session_id AND h.at = d.at AND h.nth = d.nth`;

const ADD = `
  INSERT INTO session_hops (project_id, session_id, at, nth, event_id, from_app, to_app, stay_ms, stay_class,
    app_before_at, edge_before_at, is_loop, is_last)
  SELECT * FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::integer[], $5::uuid[], $6::text[], $7::text[],
    $8::bigint[], $9::smallint[], $10::timestamptz[], $11::timestamptz[], $12::boolean[], $13::boolean[])`;

const keysOf = (rows: readonly SessionVisit[]): Buffer[] => [
  integers(rows.map(({ projectId }) => projectId)),
  texts(rows.map(({ sessionId }) => sessionId)),
  timestamps(rows.map(({ visit }) => visit.atMs)),
  integers(rows.map(({ visit }) => visit.nth)),
];

export async function removeVisits(client: PoolClient, rows: readonly SessionVisit[]): Promise<void> {
  if (rows.length > 0) await client.query(REMOVE, keysOf(rows));
}

export async function addVisits(client: PoolClient, rows: readonly SessionVisit[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query(ADD, [
    ...keysOf(rows),
    uuids(rows.map(({ visit }) => visit.eventId)),
    texts(rows.map(({ visit }) => visit.from ?? '')),
    texts(rows.map(({ visit }) => visit.app)),
    bigints(rows.map(({ visit }) => visit.stayMs)),
    smallints(rows.map(({ visit }) => stayClass(visit.stayMs))),
    timestamps(rows.map(({ visit }) => visit.appBeforeMs)),
    timestamps(rows.map(({ visit }) => visit.edgeBeforeMs)),
    booleans(rows.map(({ visit }) => visit.isLoop)),
    booleans(rows.map(({ visit }) => visit.isLast)),
  ]);
}
