import { DERIVED_TABLES } from '@wayline/testkit';
import type pg from 'pg';
import { locateSession, type SessionPlace, sessionEvents } from '../src/index.ts';

/** A visit as it must stand, computed the plain way from a session's events. */
export interface ExpectedVisit {
  sessionId: string;
  at: number;
  from: string | null;
  to: string;
  nth: number;
  stayMs: number | null;
  appBefore: number | null;
  edgeBefore: number | null;
  loop: boolean;
  last: boolean;
}

const MOST_EVENTS = 10_000;
const EVER: Partial<SessionPlace> = {
  occurredFrom: '2000-01-01T00:00:00Z',
  occurredTo: '2100-01-01T00:00:00Z',
  leastSkewMs: -86_400_000,
  greatestSkewMs: 86_400_000,
};

/** The visits of a session by its events, in its order; whatever is known of its times and skews. */
export async function expectedVisits(pool: pg.Pool, projectId: number, sessionId: string): Promise<ExpectedVisit[]> {
  const place = await locateSession(pool, projectId, sessionId);
  const events = place ? await sessionEvents(pool, { ...place, ...EVER }, { limit: MOST_EVENTS }) : [];
  const apps = events.flatMap(({ event: { source, correctedMs } }) =>
    source?.kind === 'app' ? [{ app: source.name, at: correctedMs }] : [],
  );
  const visits = apps.filter(({ app }, i) => app !== apps[i - 1]?.app);
  return visits.map(({ app, at }, i): ExpectedVisit => {
    const before = visits.slice(0, i);
    const from = visits[i - 1];
    return {
      sessionId,
      at,
      from: from?.app ?? null,
      to: app,
      nth: before.filter((visit) => visit.at === at).length,
      stayMs: from ? at - from.at : null,
      appBefore: before.findLast((visit) => visit.app === app)?.at ?? null,
      edgeBefore: before.findLast((visit, n) => visit.app === app && visits[n - 1]?.app === from?.app)?.at ?? null,
      loop: visits[i - 2]?.app === app,
      last: i === visits.length - 1,
    };
  });
}

/** The visits of a project that stand in the table. */
export async function keptVisits(pool: pg.Pool, projectId: number): Promise<ExpectedVisit[]> {
  const { rows } = await pool.query<ExpectedVisit>(
    `SELECT session_id AS "sessionId", at, CASE WHEN stay_class >= 0 THEN from_app END AS "from", to_app AS "to", nth,
       stay_ms AS "stayMs", app_before_at AS "appBefore", edge_before_at AS "edgeBefore", is_loop AS loop, is_last AS last
     FROM session_hops WHERE project_id = $1 ORDER BY session_id, at, nth`,
    [projectId],
  );
  return rows;
}

/** What of the sums of days differs from the visits that stand in the table. */
export async function wrongHopDays(pool: pg.Pool): Promise<string[]> {
  const client = await pool.connect();
  try {
    return await DERIVED_TABLES.hop_days(client);
  } finally {
    client.release();
  }
}
