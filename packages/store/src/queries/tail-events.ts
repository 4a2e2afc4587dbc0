import type { Reader } from '../read-only.ts';
import { EVENT_COLUMNS, EVENT_NAMES, type EventRecord, type StoredEvent, toStoredEvent } from './stored-event.ts';
import { BY_INDEX, type TailCandidate } from './tail-candidates.ts';

/** The events of candidates, in their order, each with its candidate; without those that are gone since. */
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
     JOIN events e USING (project_id, session_id, occurred_at, event_id) ${EVENT_NAMES}
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
