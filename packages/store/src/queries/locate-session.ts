import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { SKEW_MARGIN_MS, timestampOf } from './timestamps.ts';

/** A session, and between which `occurred_at` its events lie: every query of its events must give these bounds. */
export interface SessionPlace {
  projectId: number;
  sessionId: string;
  /** timestamptz, inclusive. */
  occurredFrom: string;
  /** timestamptz, inclusive. */
  occurredTo: string;
  /** How many were stored. */
  events: number;
}

/** Where the events of a session are; undefined if none is stored. */
export async function locateSession(
  reader: Reader,
  projectId: number,
  sessionId: string,
): Promise<SessionPlace | undefined> {
  const { rows } = await reader.query<{ first_at: number; last_at: number; event_count: number }>(
    plannedOnce('SELECT first_at, last_at, event_count FROM sessions WHERE project_id = $1 AND session_id = $2', [
      projectId,
      sessionId,
    ]),
  );
  const row = rows[0];
  return (
    row && {
      projectId,
      sessionId,
      occurredFrom: timestampOf(row.first_at - SKEW_MARGIN_MS),
      occurredTo: timestampOf(row.last_at + SKEW_MARGIN_MS),
      events: row.event_count,
    }
  );
}
