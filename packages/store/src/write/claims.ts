import type { PoolClient } from 'pg';
import type { EventRow } from './event-rows.ts';

const claimKey = (projectId: number, eventId: string, sessionId: string): string =>
  `${projectId} ${eventId} ${sessionId}`;

const keyOf = ({ projectId, event }: EventRow): string => claimKey(projectId, event.eventId, event.sessionId);

/** Within one batch: the first of those with the same primary key, and of those with the same claim. */
export function withoutRepeats(rows: readonly EventRow[]): EventRow[] {
  const keys = new Set<string>();
  const claimed = new Set<string>();
  for (const row of rows) if (row.times.claim) claimed.add(keyOf(row));
  const seenClaims = new Set<string>();
  return rows.filter((row) => {
    const claim = keyOf(row);
    const key = `${claim} ${row.times.keyMs}`;
    if (keys.has(key) || (claimed.has(claim) && seenClaims.has(claim))) return false;
    keys.add(key);
    seenClaims.add(claim);
    return true;
  });
}

/**
 * Takes out the events whose id was claimed before, by an event without a clock of its own, and claims those of this
 * batch that need it. Rows must be sorted; claims are taken in the order of their key.
 */
export async function withoutClaimed(client: PoolClient, rows: readonly EventRow[]): Promise<EventRow[]> {
  if (rows.length === 0) return [];
  const found = await client.query<{ place: string }>(
    `SELECT given.place FROM unnest($1::integer[], $2::uuid[], $3::text[])
       WITH ORDINALITY AS given (project_id, event_id, session_id, place)
     JOIN unclocked_ids USING (project_id, event_id, session_id)`,
    columns(rows),
  );
  const taken = new Set(found.rows.map(({ place }) => rows[Number(place) - 1] as EventRow));
  const claiming = rows
    .filter((row) => row.times.claim && !taken.has(row))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  if (claiming.length > 0) {
    const made = await client.query<{ project_id: number; event_id: string; session_id: string }>(
      `INSERT INTO unclocked_ids (project_id, event_id, session_id)
       SELECT * FROM unnest($1::integer[], $2::uuid[], $3::text[]) AS given (project_id, event_id, session_id)
       ON CONFLICT DO NOTHING RETURNING project_id, event_id, session_id`,
      columns(claiming),
    );
    const own = new Set(made.rows.map((row) => claimKey(row.project_id, row.event_id, row.session_id)));
    for (const row of claiming) if (!own.has(keyOf(row))) taken.add(row);
  }
  return rows.filter((row) => !taken.has(row));
}

const columns = (rows: readonly EventRow[]): unknown[] => [
  rows.map(({ projectId }) => projectId),
  rows.map(({ event }) => event.eventId),
  rows.map(({ event }) => event.sessionId),
];
