import { SOURCE_KINDS } from '../names.ts';
import type { Reader } from '../read-only.ts';
import type { SessionPlace } from './locate-session.ts';
import { placedEvents, SESSION_ORDER } from './session-order.ts';
import { INLINE_SOURCE } from './stored-event.ts';
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
    `WITH of_apps AS (
       SELECT coalesce(source.name, ${INLINE_SOURCE} ->> 'name') AS app, page, ${SESSION_ORDER}
       FROM (${placedEvents('source_id, inline_names, page')}) placed
       LEFT JOIN sources source ON source.project_id = $1 AND source.id = source_id
       WHERE source.kind = ${SOURCE_KINDS.app} OR ${INLINE_SOURCE} ->> 'kind' = 'app'
     ), steps AS (
       SELECT lag(app) OVER (ORDER BY ${SESSION_ORDER}) AS before, of_apps.* FROM of_apps
     )
     SELECT before AS "from", app AS "to", corrected_at AS at, page FROM steps WHERE before <> app
     ORDER BY ${SESSION_ORDER} LIMIT $6`,
    [
      session.projectId,
      session.sessionId,
      session.occurredFrom,
      session.occurredTo,
      timestampOf(Number.NEGATIVE_INFINITY),
      limit,
    ],
  );
  return rows.map(({ from, to, at, page }) => ({ from, to, atMs: at, page }));
}
