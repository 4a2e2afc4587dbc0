import { NAME_KINDS, nameId } from '../names.ts';
import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import type { SessionPlace } from './locate-session.ts';
import { placedEvents, SESSION_ORDER, type SessionOrderKey } from './session-order.ts';
import { EVENT_COLUMNS, EVENT_NAMES, type EventRecord, type StoredEvent, toStoredEvent } from './stored-event.ts';
import { timestampOf } from './timestamps.ts';

export interface SessionEventsPage {
  type?: string | undefined;
  limit: number;
  /** The last event of the page before. */
  after?: SessionOrderKey | undefined;
}

export interface PlacedEvent {
  event: StoredEvent;
  key: SessionOrderKey;
}

interface PlacedRecord extends EventRecord {
  place: string;
  seq_or_none: number;
}

/** Events of a session in its order (see `session-order.ts`), at most `limit`, after the one given. */
export async function sessionEvents(
  reader: Reader,
  session: SessionPlace,
  { type, limit, after }: SessionEventsPage,
): Promise<PlacedEvent[]> {
  const values: unknown[] = [
    session.projectId,
    session.sessionId,
    session.occurredFrom,
    session.occurredTo,
    timestampOf(after?.correctedMs ?? Number.NEGATIVE_INFINITY),
    limit,
  ];
  const conditions: string[] = [];
  if (after) {
    values.push(after.place, after.seq, after.eventId, timestampOf(after.occurredMs));
    conditions.push(`(${SESSION_ORDER}) > ($5, $7, $8, $9, $10)`);
  }
  if (type !== undefined) {
    values.push(type, nameId(NAME_KINDS.type, type));
    const [name, id] = [`$${values.length - 1}`, `$${values.length}`];
    conditions.push(`(inline_names ->> 'type' = ${name} OR type_id =
      (SELECT id FROM names WHERE project_id = $1 AND kind = ${NAME_KINDS.type} AND id = ${id} AND name = ${name}))`);
  }
  const { rows } = await reader.query<PlacedRecord>(
    plannedOnce(
      `WITH page AS (
       SELECT ${SESSION_ORDER} FROM (${placedEvents('type_id, inline_names')}) placed
       ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''} ORDER BY ${SESSION_ORDER} LIMIT $6
     )
     SELECT ${EVENT_COLUMNS}, place, seq_or_none FROM page JOIN events e ON e.project_id = $1 AND e.session_id = $2
       AND e.occurred_at = page.occurred_at AND e.event_id = page.event_id AND e.occurred_at BETWEEN $3 AND $4
     ${EVENT_NAMES}
     ORDER BY page.corrected_at, page.place, page.seq_or_none, page.event_id, page.occurred_at`,
      values,
    ),
  );
  return rows.map((row) => {
    const event = toStoredEvent(row);
    const { correctedMs, eventId, occurredMs } = event;
    return { event, key: { correctedMs, place: row.place, seq: row.seq_or_none, eventId, occurredMs } };
  });
}
