import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { appSteps } from './app-steps.ts';
import type { SessionPlace } from './locate-session.ts';
import { SESSION_ORDER } from './session-order.ts';
import { timestampOf } from './timestamps.ts';

/** From one app to another within a session. */
export interface Hop {
  from: string;
  to: string;
  /** Corrected time of the first event in the app gone to, epoch ms. */
  atMs: number;
  page: string | null;
}

/** The hops of a session: events next to each other in its order, among those of apps, of different names. */
export async function sessionHops(reader: Reader, session: SessionPlace, limit: number): Promise<Hop[]> {
  const { rows } = await reader.query<{ from: string; to: string; at: number; page: string | null }>(
    plannedOnce(
      `SELECT before AS "from", app AS "to", corrected_at AS at, page FROM (${appSteps(['page'])}) steps
     WHERE before <> app ORDER BY ${SESSION_ORDER} LIMIT $6`,
      [
        session.projectId,
        session.sessionId,
        session.occurredFrom,
        session.occurredTo,
        timestampOf(Number.NEGATIVE_INFINITY),
        limit,
      ],
    ),
  );
  return rows.map(({ from, to, at, page }) => ({ from, to, atMs: at, page }));
}
