import type { PoolClient } from 'pg';
import { integers, texts, uuids } from './binary-array.ts';
import { type EventRow, isSameKey } from './event-rows.ts';

const claimKey = (projectId: number, eventId: string, sessionId: string): string =>
  `${projectId} ${eventId} ${sessionId}`;

const keyOf = ({ share, event }: EventRow): string => claimKey(share.projectId, event.eventId, event.sessionId);

/**
 * Within one transaction: the first in the log of those with the same primary key, and of those with the same claim.
 * Rows must be sorted by their key, those of the same key in the order of the log.
 */
export function withoutRepeats(rows: readonly EventRow[]): readonly EventRow[] {
  const repeats = (row: EventRow, i: number) => i > 0 && isSameKey(rows[i - 1] as EventRow, row);
  const distinct = rows.some(repeats) ? rows.filter((row, i) => !repeats(row, i)) : rows;
  if (!distinct.some(({ times }) => times.claim)) return distinct;
  const claimed = new Set(distinct.filter(({ times }) => times.claim).map(keyOf));
  const first = new Map<string, EventRow>();
  for (const row of distinct) {
    const key = keyOf(row);
    if (!claimed.has(key)) continue;
    const other = first.get(key);
    if (!other || isBefore(row, other)) first.set(key, row);
  }
  return distinct.filter((row) => {
    const kept = first.get(keyOf(row));
    return kept === undefined || kept === row;
  });
}

const isBefore = (a: EventRow, b: EventRow): boolean =>
  a.share.batchId < b.share.batchId || (a.share.batchId === b.share.batchId && a.record.offset < b.record.offset);

/**
 * Takes out the events whose id was claimed before, by an event without a clock of its own, and claims those of this
 * batch that need it. Rows must be sorted; claims are taken in the order of their key.
 */
export async function withoutClaimed(client: PoolClient, rows: readonly EventRow[]): Promise<readonly EventRow[]> {
  if (rows.length === 0) return [];
  const needsClaims = rows.some(({ times }) => times.claim);
  if (!needsClaims && !(await hasClaims(client, rows))) return rows;
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

/** Most projects never have any: then there is nothing to look up. */
async function hasClaims(client: PoolClient, rows: readonly EventRow[]): Promise<boolean> {
  const projects = [...new Set(rows.map(({ share }) => share.projectId))];
  const { rowCount } = await client.query(
    `SELECT FROM unnest($1::integer[]) AS given (project_id)
     WHERE EXISTS (SELECT FROM unclocked_ids u WHERE u.project_id = given.project_id) LIMIT 1`,
    [integers(projects)],
  );
  return rowCount === 1;
}

const columns = (rows: readonly EventRow[]): unknown[] => [
  integers(rows.map(({ share }) => share.projectId)),
  uuids(rows.map(({ event }) => event.eventId)),
  texts(rows.map(({ event }) => event.sessionId)),
];
