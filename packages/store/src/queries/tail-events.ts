import type { Reader } from '../read-only.ts';
import { EVENT_COLUMNS, EVENT_NAMES, type EventRecord, type StoredEvent, toStoredEvent } from './stored-event.ts';
import { BY_INDEX, type TailCandidate } from './tail-candidates.ts';

/**
 * The events of candidates, in their order, each with its candidate; without those that are gone since. OFFSET 0 keeps it at
 * one look-up by the primary key for each: a join would read partitions from end to end.
 */
export async function tailEvents<C extends TailCandidate>(
  reader: Reader,
  candidates: readonly C[],
): Promise<{ candidate: C; event: StoredEvent }[]> {
  if (candidates.length === 0) return [];
  await reader.query(BY_INDEX);
  const { rows } = await reader.query<EventRecord & { place: number }>(
    `SELECT ${EVENT_COLUMNS}, wanted.place FROM
       unnest($1::integer[], $2::text[], $3::timestamptz[], $4::uuid[]) WITH ORDINALITY
         AS wanted (project_id, session_id, occurred_at, event_id, place)
     CROSS JOIN LATERAL (
       SELECT * FROM events WHERE project_id = wanted.project_id AND session_id = wanted.session_id
         AND occurred_at = wanted.occurred_at AND event_id = wanted.event_id
       OFFSET 0
     ) e ${EVENT_NAMES}
     ORDER BY wanted.place`,
    [
      candidates.map(({ projectId }) => projectId),
      candidates.map(({ sessionId }) => sessionId),
      candidates.map(({ occurredAt }) => occurredAt),
      candidates.map(({ eventId }) => eventId),
    ],
  );
  return rows.map((row) => ({ candidate: candidates[row.place - 1] as C, event: toStoredEvent(row) }));
}
