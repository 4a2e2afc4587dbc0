import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { GREATEST_SKEW, LEAST_SKEW } from './session-skews.ts';
import { timestampOf } from './timestamps.ts';

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
  /** Between which their skews are. */
  leastSkewMs: number;
  greatestSkewMs: number;
}

/** Where the events of a session are; undefined if none is stored. */
export async function locateSession(
  reader: Reader,
  projectId: number,
  sessionId: string,
): Promise<SessionPlace | undefined> {
  const { rows } = await reader.query<LocatedRecord>(
    plannedOnce(
      `SELECT first_at, last_at, event_count, ${LEAST_SKEW} AS least, ${GREATEST_SKEW} AS greatest
       FROM sessions s WHERE project_id = $1 AND session_id = $2`,
      [projectId, sessionId],
    ),
  );
  const row = rows[0];
  return (
    row && {
      projectId,
      sessionId,
      occurredFrom: timestampOf(row.first_at - row.greatest),
      occurredTo: timestampOf(row.last_at - row.least),
      events: row.event_count,
      leastSkewMs: row.least,
      greatestSkewMs: row.greatest,
    }
  );
}

interface LocatedRecord {
  first_at: number;
  last_at: number;
  event_count: number;
  least: number;
  greatest: number;
}
