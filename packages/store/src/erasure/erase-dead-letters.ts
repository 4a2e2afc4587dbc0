import type { Pool } from 'pg';
import { boundedTransaction } from '../maintenance/bounded-transaction.ts';
import type { Pace } from '../maintenance/pacing.ts';
import { timestampOf } from '../queries/timestamps.ts';
import type { ErasedTime } from './erase-events.ts';
import { valueUsers } from './record-users.ts';

const READ_AT_ONCE = 200;

const READ = `
  SELECT id, record_value AS value, replay_value AS replay FROM dead_letters
  WHERE project_id = $1 AND id > $2 AND log_time < $3 ORDER BY id LIMIT ${READ_AT_ONCE}`;

// They count as erased from now on, in the ledger and at their batches: so read = stored + duplicate + dead-lettered + erased.
const ERASE = `
  WITH gone AS (
    DELETE FROM dead_letters WHERE id = ANY ($1::bigint[])
    RETURNING project_id, date_trunc('hour', log_time, 'UTC') AS hour, log_id, topic, partition, log_offset
  ), booked AS (
    UPDATE ledger l SET dead_lettered = l.dead_lettered - g.n, erased = l.erased + g.n
    FROM (SELECT project_id, hour, log_id, topic, partition, count(*) AS n FROM gone GROUP BY 1, 2, 3, 4, 5) g
    WHERE (l.project_id, l.hour, l.log_id, l.topic, l.partition) = (g.project_id, g.hour, g.log_id, g.topic, g.partition)
  ), counted AS (
    UPDATE batches b SET dead_lettered = b.dead_lettered - g.n, erased = b.erased + g.n
    FROM (
      SELECT b.id, count(*)::integer AS n FROM gone JOIN batches b ON b.log_id = gone.log_id AND b.topic = gone.topic
        AND b.partition = gone.partition AND gone.log_offset >= b.first_offset AND gone.log_offset < b.next_offset
      GROUP BY b.id
    ) g WHERE b.id = g.id
  )
  SELECT count(*) AS erased FROM gone`;

/** Whether the bytes of a dead letter carry a user: by the fields of their JSON; where they are none, as a JSON string in them. */
export function carriesUser(value: Buffer | null, userId: string): boolean {
  if (value === null) return false;
  const users = valueUsers(value);
  return users ? users.userIds.includes(userId) : value.includes(JSON.stringify(userId));
}

/** Erases the dead letters of a project that carry the user. @returns how many */
export async function eraseDeadLetters(
  pool: Pool,
  { projectId, userId, beforeMs }: ErasedTime,
  pace: Pace,
): Promise<number> {
  let erased = 0;
  let after = 0;
  while (pace.goesOn()) {
    const { rows } = await pool.query<{ id: number; value: Buffer | null; replay: Buffer | null }>(READ, [
      projectId,
      after,
      timestampOf(beforeMs),
    ]);
    const ids = rows
      .filter(({ value, replay }) => carriesUser(value, userId) || carriesUser(replay, userId))
      .map(({ id }) => id);
    if (ids.length > 0) {
      erased += await pace.step(() =>
        boundedTransaction(pool, { lockMs: 5_000, statementMs: 300_000 }, async (client) => {
          const gone = await client.query<{ erased: number }>(ERASE, [ids]);
          return gone.rows[0]?.erased ?? 0;
        }),
      );
    }
    const last = rows.at(-1);
    if (!last || rows.length < READ_AT_ONCE) break;
    after = last.id;
  }
  return erased;
}
