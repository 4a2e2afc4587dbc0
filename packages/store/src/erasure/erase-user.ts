import type { Pool } from 'pg';
import { boundedTransaction } from '../maintenance/bounded-transaction.ts';
import { readEventTables } from '../maintenance/event-tables.ts';
import { createPace, type Pace, type Pacing } from '../maintenance/pacing.ts';
import { timestampOf } from '../queries/timestamps.ts';
import { eraseDeadLetters } from './erase-dead-letters.ts';
import { type ErasedCounts, type ErasedTime, eraseEvents } from './erase-events.ts';
import { eraseUniques } from './erase-uniques.ts';
import { lockSessions, recomputeSessions } from './recompute-sessions.ts';
import type { Seen } from './seen-by-rest.ts';
import { finishTombstone, raiseTombstone } from './tombstones.ts';

export interface EraseUserOptions extends Pacing {
  projectId: number;
  /** A `userId` or an `anonymousId`. */
  userId: string;
  /** Only what was received before, epoch ms; not after now. Default: now, and then all that there is. */
  beforeMs?: number | undefined;
}

export interface ErasureReport extends ErasedCounts {
  /** What was received before is erased, and dropped when it is read again; epoch ms. */
  beforeMs: number;
  deadLetters: number;
  /** Rows that told in which hours, or that at all, the user was seen. */
  uniques: number;
  /** False where it was ended early: the same call goes on from there. */
  finished: boolean;
}

/**
 * Erases a user. First a tombstone is raised: from then on nothing of the erased time is stored any more, whoever reads it
 * from the log. Then what is stored goes, in small transactions: events, sessions, dead letters, rows of uniques.
 * Numeric rollups stay. Events of the same sessions that name nobody, or somebody else, stay.
 */
export async function eraseUser(pool: Pool, options: EraseUserOptions): Promise<ErasureReport> {
  const { projectId, userId } = options;
  const pace = createPace(options);
  const { beforeMs, lastBatch } = await raiseTombstone(pool, options);
  const erasing: ErasedTime = { projectId, userId, beforeMs };
  const report: ErasureReport = {
    beforeMs,
    events: 0,
    sessionsRemoved: 0,
    sessionsRecomputed: 0,
    deadLetters: 0,
    uniques: 0,
    finished: false,
  };
  const seen: Seen = { hours: new Set(), sawObject: false };
  for (const { table } of await readEventTables(pool)) {
    if (!pace.goesOn()) return report;
    const erased = await eraseEvents(pool, { ...erasing, table, seen }, pace);
    report.events += erased.events;
    report.sessionsRemoved += erased.sessionsRemoved;
    report.sessionsRecomputed += erased.sessionsRecomputed;
  }
  const orphaned = await eraseFromSummaries(pool, erasing, pace);
  report.sessionsRemoved += orphaned.gone;
  report.sessionsRecomputed += orphaned.kept;
  report.deadLetters = await eraseDeadLetters(pool, erasing, pace);
  if (!pace.goesOn()) return report;
  report.uniques = await eraseUniques(pool, erasing, { seen, lastBatch });
  await finishTombstone(pool, projectId, userId);
  return { ...report, finished: true };
}

const SUMMARIES_AT_ONCE = 200;

/** Sessions that still show the user without an event that does: after a retention that took the events before. */
async function eraseFromSummaries(
  pool: Pool,
  { projectId, userId, beforeMs }: ErasedTime,
  pace: Pace,
): Promise<{ kept: number; gone: number }> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT session_id AS id FROM sessions s
     WHERE project_id = $1 AND user_id = $2 AND user_at < $3::timestamptz + interval '1 day' AND NOT EXISTS (
       SELECT FROM events e WHERE e.project_id = $1 AND e.session_id = s.session_id AND e.user_id = $2)
     ORDER BY session_id`,
    [projectId, userId, timestampOf(beforeMs)],
  );
  const total = { kept: 0, gone: 0 };
  for (let from = 0; from < rows.length && pace.goesOn(); from += SUMMARIES_AT_ONCE) {
    const sessionIds = rows.slice(from, from + SUMMARIES_AT_ONCE).map(({ id }) => id);
    const { kept, gone } = await pace.step(() =>
      boundedTransaction(pool, { lockMs: 5_000, statementMs: 300_000 }, async (client) => {
        await lockSessions(client, projectId, sessionIds);
        return recomputeSessions(client, projectId, { sessionIds, machines: [] });
      }),
    );
    total.kept += kept;
    total.gone += gone;
  }
  return total;
}
