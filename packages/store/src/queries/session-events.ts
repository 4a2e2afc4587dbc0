import { NAME_KINDS, nameId } from '../names.ts';
import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import type { SessionPlace } from './locate-session.ts';
import { PLACED_PARAMETERS, placedEvents, SESSION_ORDER, type SessionOrderKey } from './session-order.ts';
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

const SHORT_PAGES = 2;

/**
 * Events of a session in its order (see `session-order.ts`), at most `limit`, after the one given.
 *
 * The order is by corrected time, and the key by occurred_at; the skews of the session tell how far these can be apart. So
 * it is asked first by which occurred_at there are certainly `limit` events after the one given: of what has a later corrected time than
 * the last of those, nothing is on the page, and nothing that is earlier lies beyond it by more than the skews differ. Only
 * what is between is read and sorted.
 */
export async function sessionEvents(
  reader: Reader,
  session: SessionPlace,
  { type, limit, after }: SessionEventsPage,
): Promise<PlacedEvent[]> {
  const afterMs = after?.correctedMs ?? Number.NEGATIVE_INFINITY;
  const values: unknown[] = [
    session.projectId,
    session.sessionId,
    timestampOf(Math.max(Date.parse(session.occurredFrom), afterMs - session.greatestSkewMs)),
    session.occurredTo,
    timestampOf(afterMs),
    limit,
    timestampOf(afterMs - session.leastSkewMs),
    session.greatestSkewMs - session.leastSkewMs,
  ];
  let isAfter = 'true';
  if (after) {
    values.push(after.place, after.seq, after.eventId, timestampOf(after.occurredMs));
    isAfter = `(${SESSION_ORDER}) > ($5, $9, $10, $11, $12)`;
  }
  let isOfType = 'true';
  if (type !== undefined) {
    values.push(type, nameId(NAME_KINDS.type, type));
    const [name, id] = [`$${values.length - 1}`, `$${values.length}`];
    isOfType = `(inline_names ->> 'type' = ${name} OR type_id =
      (SELECT id FROM names WHERE project_id = $1 AND kind = ${NAME_KINDS.type} AND id = ${id} AND name = ${name}))`;
  }
  // Of a session of hardly more than a page all is read sooner than it is found out how much must be.
  const isShort = session.events <= SHORT_PAGES * limit;
  const placed = placedEvents('type_id, inline_names', {
    ...PLACED_PARAMETERS,
    ...(!isShort && { also: 'occurred_at <= least($4, (SELECT until FROM certain))' }),
  });
  const { rows } = await reader.query<PlacedRecord>(
    plannedOnce(
      `WITH certain AS (
       SELECT occurred_at + $8 * interval '1 ms' AS until FROM events
       WHERE project_id = $1 AND session_id = $2 AND occurred_at BETWEEN $3 AND $4 AND occurred_at > $7 AND ${isOfType} ORDER BY occurred_at OFFSET $6::bigint - 1 LIMIT 1
     ), page AS (
       SELECT ${SESSION_ORDER} FROM (${placed}) placed WHERE ${isAfter} AND ${isOfType} ORDER BY ${SESSION_ORDER} LIMIT $6
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
