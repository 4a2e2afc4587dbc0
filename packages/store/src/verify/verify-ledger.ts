import type { Reader } from '../read-only.ts';
import { type CheckResult, CROSSED, type Hours, NO_PLACE, runCheck } from './check.ts';

/**
 * The ledger, by project, hour and partition: it balances; what it says is stored is in `events`, less what was removed;
 * what it says is dead-lettered is in `dead_letters`.
 */
export function verifyLedger(reader: Reader, { from, to, firstBatch, lastBatch }: Hours): Promise<CheckResult> {
  const place = 'project_id, hour, log_id, topic, partition';
  return runCheck(reader, 'ledger', {
    values: [from, to, firstBatch, lastBatch],
    ctes: `${CROSSED}, booked AS (
      SELECT ${place}, read, stored, duplicate, dead_lettered, erased, removed FROM ledger WHERE hour >= $1 AND hour < $2
    ), by_batch AS (
      SELECT batch_id, project_id, count(*) AS n FROM events WHERE batch_id BETWEEN $3 AND $4 GROUP BY batch_id, project_id
    ), counted AS (
      SELECT e.project_id, date_trunc('hour', b.first_log_time, 'UTC') AS hour, log_id, topic, partition, sum(e.n) AS events
      FROM by_batch e JOIN batches b ON b.id = e.batch_id WHERE b.first_log_time >= $1 AND b.first_log_time < $2
      GROUP BY 1, 2, 3, 4, 5
    ), put_aside AS (
      SELECT project_id, date_trunc('hour', log_time, 'UTC') AS hour, log_id, topic, partition, count(*) AS letters
      FROM dead_letters WHERE log_time >= $1 AND log_time < $2 GROUP BY 1, 2, 3, 4, 5
    ), compared AS (
      SELECT * FROM booked FULL JOIN counted USING (${place}) FULL JOIN put_aside USING (${place})
    ), different AS (
      SELECT what, ${place}, ${NO_PLACE.offset}, ${NO_PLACE.session}, v.booked, v.counted FROM compared c
      CROSS JOIN LATERAL (VALUES
        ('read', coalesce(c.read, 0), coalesce(c.stored + c.duplicate + c.dead_lettered + c.erased, 0)),
        ('stored events', coalesce(c.stored - c.removed, 0), coalesce(c.events, 0)),
        ('dead letters', coalesce(c.dead_lettered, 0), coalesce(c.letters, 0))) AS v (what, booked, counted)
      WHERE v.booked <> v.counted AND NOT (what = 'stored events' AND EXISTS (SELECT FROM crossed x
        WHERE (x.log_id, x.topic, x.partition, x.hour) = (c.log_id, c.topic, c.partition, c.hour))))`,
  });
}
