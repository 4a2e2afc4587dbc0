import type { Reader } from '../read-only.ts';
import { type CheckResult, type Hours, NO_PLACE, runCheck } from './check.ts';

/**
 * The offsets of each partition, from batch to batch and on to the stored position: none twice; none left out but those
 * that expired unread, whose number the ledger has. Where several groups store into one database each reads all of the
 * log, and offsets that stand twice are no fault.
 */
export function verifyOffsets(reader: Reader, { from, to }: Hours): Promise<CheckResult> {
  const place = 'log_id, topic, partition';
  return runCheck(reader, 'offsets', {
    values: [from, to],
    ctes: `held AS (
      SELECT ${place}, max(next_offset) AS next_offset, count(*) AS groups FROM positions GROUP BY ${place}
    ), placed AS (
      SELECT ${place}, first_log_time, first_offset, next_offset, max(next_offset)
        OVER (PARTITION BY ${place} ORDER BY first_offset, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
      FROM batches
    ), ends AS (
      SELECT ${place}, max(next_offset) AS reached, coalesce(sum(first_offset - reached) FILTER (WHERE first_offset > reached), 0)
        AS left_out FROM placed GROUP BY ${place}
    ), expired AS (
      SELECT ${place}, sum(expired) AS expired FROM ledger GROUP BY ${place} HAVING sum(expired) > 0
    ), compared AS (
      SELECT ${place}, e.reached, h.next_offset, h.groups, coalesce(x.expired, 0) AS expired,
        e.left_out + greatest(h.next_offset - e.reached, 0) AS left_out
      FROM ends e FULL JOIN held h USING (${place}) LEFT JOIN expired x USING (${place})
    ), different AS (
      SELECT 'stored position' AS what, ${NO_PLACE.project}, ${NO_PLACE.hour}, ${place}, reached AS at_offset,
        ${NO_PLACE.session}, next_offset AS booked, reached AS counted
      FROM compared WHERE reached > coalesce(next_offset, -1)
      UNION ALL
      SELECT 'expired, and offsets left out', ${NO_PLACE.project}, NULL, ${place}, NULL, NULL, expired, left_out
      FROM compared WHERE reached IS NOT NULL AND expired < left_out
      UNION ALL
      SELECT 'begins at an offset stored before', ${NO_PLACE.project}, date_trunc('hour', first_log_time, 'UTC'), ${place},
        first_offset, NULL, p.reached, first_offset
      FROM placed p JOIN held h USING (${place})
      WHERE first_offset < p.reached AND h.groups = 1 AND first_log_time >= $1 AND first_log_time < $2
      UNION ALL
      SELECT 'begins after an offset never stored', ${NO_PLACE.project}, date_trunc('hour', first_log_time, 'UTC'), ${place},
        first_offset, NULL, p.reached, first_offset
      FROM placed p JOIN compared c USING (${place})
      WHERE first_offset > p.reached AND c.expired < c.left_out AND first_log_time >= $1 AND first_log_time < $2)`,
  });
}
