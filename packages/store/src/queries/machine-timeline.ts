import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { machineSeen } from './machine-seen.ts';
import { EVENT_COLUMNS, EVENT_NAMES, type EventRecord, type StoredEvent, toStoredEvent } from './stored-event.ts';
import { SKEW_MARGIN_MS, type TimeRange, timestampOf, timestampsOf } from './timestamps.ts';

/** The key of an event in a machine's timeline: what a cursor holds. */
export interface TimelineKey {
  occurredMs: number;
  sessionId: string;
  eventId: string;
}

export interface TimelinePage {
  projectId: number;
  machineId: string;
  /** By the machine's own clock. */
  range: TimeRange;
  limit: number;
  /** The last event of the page before. */
  after?: TimelineKey | undefined;
}

/**
 * Events of a machine over all its sessions, in the order of its own clock: by (`occurred_at`, session, event id), at
 * most `limit`, after the one given. The range goes by that clock too: pages of a range are then a stretch of the
 * order, and of the index that finds them.
 */
export async function machineTimeline(
  reader: Reader,
  { projectId, machineId, range, limit, after }: TimelinePage,
): Promise<StoredEvent[]> {
  const seen = await machineSeen(reader, projectId, machineId);
  if (!seen) return [];
  const fromMs = Math.max(range.fromMs ?? -Infinity, seen.firstMs - SKEW_MARGIN_MS, after?.occurredMs ?? -Infinity);
  const toMs = Math.min(range.toMs ?? Infinity, seen.lastMs + SKEW_MARGIN_MS + 1);
  if (fromMs >= toMs) return [];
  const values: unknown[] = [projectId, machineId, ...timestampsOf({ fromMs, toMs }), limit];
  if (after) values.push(timestampOf(after.occurredMs), after.sessionId, after.eventId);
  const { rows } = await reader.query<EventRecord>(
    plannedOnce(
      `WITH page AS (
       SELECT * FROM events WHERE project_id = $1 AND machine_id = $2 AND occurred_at >= $3 AND occurred_at < $4
         ${after ? 'AND (occurred_at, session_id, event_id) > ($6, $7, $8)' : ''}
       ORDER BY occurred_at, session_id, event_id LIMIT $5
     )
     SELECT ${EVENT_COLUMNS} FROM page e ${EVENT_NAMES} ORDER BY e.occurred_at, e.session_id, e.event_id`,
      values,
    ),
  );
  return rows.map(toStoredEvent);
}
