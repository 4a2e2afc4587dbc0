import type { PoolClient } from 'pg';
import { SOURCE_KINDS } from '../names.ts';
import { parseTimestamptz } from '../parse-timestamptz.ts';
import { GREATEST_SKEW, LEAST_SKEW } from '../queries/session-skews.ts';
import { CORRECTED_AT, INLINE_SOURCE } from '../queries/stored-event.ts';
import { timestampOf } from '../queries/timestamps.ts';

/** A stretch of a session that is to be remade. Times as PostgreSQL writes them: they may be infinite. */
export interface Stretch {
  project_id: number;
  session_id: string;
  from_at: string;
  /** Up to an event of an app soon after the new ones: whether the next is a hop may have changed. */
  upper: string;
  /** Between which `occurred_at` the events of these times are; null where the session is gone. */
  occurred_from: string | null;
  occurred_to: string | null;
}

interface TakenStretch extends Stretch {
  to_at: string;
  least_skew: number;
  /** Whether the session has events after the new ones. */
  goes_on: boolean;
  marks: number;
}

/** Younger marks wait, so that the events of a moment are remade at once. */
const SETTLED = "interval '1 second'";
/** Where more marks wait than are taken at once, so many others of the same sessions at most are taken with them. */
const OTHERS_AT_MOST = 20_000;

/**
 * Of each session one stretch: what its new events may have changed. A session that is gone is one, as a whole. A session that was
 * marked a thousand times while many waited is remade once: what the others of its marks are of is stored, and read.
 * OFFSET 0 keeps it at one look into the index for each session, however many marks wait.
 */
const TAKE = `
  WITH oldest AS MATERIALIZED (
    SELECT ctid AS place, project_id, session_id FROM dirty_sessions
    WHERE dirty_at < now() - ${SETTLED} ORDER BY dirty_at LIMIT $1
  ), others AS (
    SELECT o.place FROM (SELECT DISTINCT project_id, session_id FROM oldest) s CROSS JOIN LATERAL (
      SELECT ctid AS place FROM dirty_sessions WHERE project_id = s.project_id AND session_id = s.session_id OFFSET 0
    ) o
    WHERE (SELECT count(*) FROM oldest) = $1 LIMIT ${OTHERS_AT_MOST}
  ), taken AS (
    DELETE FROM dirty_sessions WHERE ctid = ANY (ARRAY(SELECT place FROM oldest UNION SELECT place FROM others))
    RETURNING project_id, session_id, from_at, to_at
  )
  SELECT project_id, session_id, marks, to_at::text, 'infinity' AS upper, least_skew,
    CASE WHEN first_at IS NULL THEN '-infinity' ELSE from_at END::text AS from_at,
    (greatest(from_at, first_at) - greatest_skew * interval '1 ms')::text AS occurred_from,
    (last_at - least_skew * interval '1 ms')::text AS occurred_to, coalesce(to_at < last_at, false) AS goes_on
  FROM (
    SELECT project_id, session_id, min(from_at) AS from_at, max(to_at) AS to_at, count(*)::integer AS marks
    FROM taken GROUP BY 1, 2
  ) merged LEFT JOIN (
    SELECT project_id, session_id, first_at, last_at, ${LEAST_SKEW} AS least_skew, ${GREATEST_SKEW} AS greatest_skew
    FROM sessions s
  ) s USING (project_id, session_id)`;

/** Takes marks, `most` of them and others of the same sessions, and answers with what is to be remade. */
export async function takeStretches(
  client: PoolClient,
  most: number,
): Promise<{ marks: number; stretches: Stretch[] }> {
  const { rows } = await client.query<TakenStretch>(TAKE, [most]);
  const inBetween = rows.filter((stretch) => stretch.goes_on);
  if (inBetween.length > 0) await endAtNext(client, inBetween);
  return { marks: rows.reduce((sum, { marks }) => sum + marks, 0), stretches: rows };
}

/** The least and the greatest of the `occurred_at` of stretches: partitions outside are not even planned for. */
export function occurredBounds(stretches: readonly Pick<Stretch, 'occurred_from' | 'occurred_to'>[]): [string, string] {
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { occurred_from, occurred_to } of stretches) {
    if (occurred_from !== null) fromMs = Math.min(fromMs, parseTimestamptz(occurred_from));
    if (occurred_to !== null) toMs = Math.max(toMs, parseTimestamptz(occurred_to));
  }
  return [timestampOf(fromMs), timestampOf(toMs)];
}

/** Not a join: events are then read in the order of the key, and no further than to the first. */
const OF_APP = `((SELECT kind FROM sources WHERE project_id = e.project_id AND id = e.source_id) = ${SOURCE_KINDS.app}
  OR ${INLINE_SOURCE} ->> 'kind' = 'app')`;

// The first by occurred_at of those that are certainly after the new ones. Where clocks differ another may be nearer: then
// the stretch is longer than it would have to be, and no less right.
const NEXT = `
  SELECT stretch::integer - 1 AS stretch, next.at::text AS upper, (next.at - least_skew * interval '1 ms')::text AS occurred_to
  FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::integer[])
    WITH ORDINALITY AS d (project_id, session_id, to_at, occurred_to, least_skew, stretch)
  CROSS JOIN LATERAL (
    SELECT ${CORRECTED_AT} AS at FROM events e
    WHERE e.project_id = d.project_id AND e.session_id = d.session_id AND e.occurred_at BETWEEN $6 AND $7
      AND e.occurred_at > d.to_at - d.least_skew * interval '1 ms' AND e.occurred_at <= d.occurred_to AND ${OF_APP}
    ORDER BY e.occurred_at LIMIT 1
  ) next`;

const GIVEN = ['project_id', 'session_id', 'to_at', 'occurred_to', 'least_skew'] as const;

/** Ends stretches at the next event of an app, where there is one. */
async function endAtNext(client: PoolClient, stretches: readonly TakenStretch[]): Promise<void> {
  const { rows } = await client.query<{ stretch: number; upper: string; occurred_to: string }>(NEXT, [
    ...GIVEN.map((column) => stretches.map((stretch) => stretch[column])),
    ...occurredBounds(stretches),
  ]);
  for (const { stretch, upper, occurred_to } of rows) {
    Object.assign(stretches[stretch] as TakenStretch, { upper, occurred_to });
  }
}
