import type { Pool } from 'pg';
import { takeBackgroundLock } from '../maintenance/background-lock.ts';
import { boundedTransaction } from '../maintenance/bounded-transaction.ts';

const CLOCK = `
  SELECT EXISTS (SELECT FROM user_count_history WHERE minute = date_trunc('minute', now(), 'UTC')) AS "isRecorded",
    extract(epoch FROM date_trunc('minute', now(), 'UTC') + interval '1 minute' - clock_timestamp())::float8 * 1000 AS "nextInMs"`;

const SUM_UP = `
  WITH gone AS (DELETE FROM user_count_deltas RETURNING project_id, users, saw_object)
  INSERT INTO user_counts AS c (project_id, users, saw_object)
  SELECT project_id, sum(users), sum(saw_object) FROM gone GROUP BY project_id
  ON CONFLICT (project_id) DO UPDATE SET users = c.users + excluded.users, saw_object = c.saw_object + excluded.saw_object`;

// One snapshot: the deltas that it sees belong to users that it counts, the others to users that it does not see.
const COUNT_AFRESH = `
  WITH gone AS (DELETE FROM user_count_deltas), counted AS (
    SELECT project_id, count(*) AS users, count(*) FILTER (WHERE saw_object) AS saw_object FROM users GROUP BY project_id
  )
  INSERT INTO user_counts (project_id, users, saw_object)
  SELECT project_id, coalesce(counted.users, 0), coalesce(counted.saw_object, 0)
  FROM (SELECT project_id FROM user_counts) known FULL JOIN counted USING (project_id)
  ON CONFLICT (project_id) DO UPDATE SET users = excluded.users, saw_object = excluded.saw_object`;

const RECORD = `
  INSERT INTO user_count_history (project_id, minute, users, saw_object)
  SELECT project_id, date_trunc('minute', now(), 'UTC'), users, saw_object FROM user_counts`;

export interface RecordedCounts {
  /** False where the counts of this minute are there already. */
  recorded: boolean;
  /** Until the next minute of the database's clock begins. */
  nextInMs: number;
}

/**
 * Records how many users each project has had in all, for the minute that it is by the database's clock: once, however many
 * processes do it; one at a time, since counting afresh must not undo what another sums up meanwhile. A project of which no user was ever seen has no counts.
 * @param options.afresh counts all rows of `users`, rather than what has changed
 * @returns undefined where another process is at it
 */
export async function recordUserCounts(pool: Pool, { afresh = false } = {}): Promise<RecordedCounts | undefined> {
  return boundedTransaction(pool, { lockMs: 5_000, statementMs: 120_000 }, async (client) => {
    if (!(await takeBackgroundLock(client, 'user counts'))) return undefined;
    const { rows } = await client.query<{ isRecorded: boolean; nextInMs: number }>(CLOCK);
    const { isRecorded = false, nextInMs = 0 } = rows[0] ?? {};
    if (isRecorded) return { recorded: false, nextInMs };
    await client.query(afresh ? COUNT_AFRESH : SUM_UP);
    await client.query(RECORD);
    return { recorded: true, nextInMs };
  });
}
