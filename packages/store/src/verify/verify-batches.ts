import { TOPICS } from '@wayline/contracts';
import type { Reader } from '../read-only.ts';
import { type CheckResult, CROSSED, type Hours, NO_PLACE, runCheck } from './check.ts';

/**
 * The batches against the ledger, by hour and partition: as many records were read as there are offsets, and each had
 * the fate that its batch counted. Where services write in transactions, some offsets are markers and no records. The
 * oldest batches, of which no event is left, may have been pruned after seven days.
 */
export function verifyBatches(reader: Reader, { from, to }: Hours): Promise<CheckResult> {
  const place = 'hour, log_id, topic, partition';
  return runCheck(reader, 'batches', {
    values: [from, to, TOPICS.direct],
    ctes: `${CROSSED}, booked AS (
      SELECT ${place}, sum(read) AS read, sum(stored) AS stored, sum(duplicate) AS duplicate, sum(dead_lettered) AS dead_lettered,
        sum(erased) AS erased
      FROM ledger WHERE hour >= $1 AND hour < $2 GROUP BY ${place} HAVING sum(read) > 0
    ), counted AS (
      SELECT date_trunc('hour', first_log_time, 'UTC') AS hour, log_id, topic, partition,
        sum(next_offset - first_offset) AS offsets, sum(stored) AS stored, sum(duplicate) AS duplicate,
        sum(dead_lettered) AS dead_lettered, sum(erased) AS erased
      FROM batches WHERE first_log_time >= $1 AND first_log_time < $2 GROUP BY 1, 2, 3, 4
    ), compared AS (
      SELECT * FROM (
        SELECT ${place}, l.read, b.offsets, l.stored, l.duplicate, l.dead_lettered, b.stored AS b_stored,
          b.duplicate AS b_duplicate, b.dead_lettered AS b_dead_lettered, l.erased, b.erased AS b_erased
        FROM booked l FULL JOIN counted b USING (${place})) c
      WHERE NOT EXISTS (SELECT FROM crossed x
        WHERE (x.log_id, x.topic, x.partition, x.hour) = (c.log_id, c.topic, c.partition, c.hour))
    ), different AS (
      SELECT what, ${NO_PLACE.project}, ${place}, ${NO_PLACE.offset}, ${NO_PLACE.session}, v.booked, v.counted
      FROM compared c CROSS JOIN LATERAL (VALUES
        ('records read, and offsets', coalesce(c.read, 0), coalesce(c.offsets, 0)),
        ('stored', coalesce(c.stored, 0), coalesce(c.b_stored, 0)),
        ('duplicates', coalesce(c.duplicate, 0), coalesce(c.b_duplicate, 0)),
        ('dead letters', coalesce(c.dead_lettered, 0), coalesce(c.b_dead_lettered, 0)),
        ('erased', coalesce(c.erased, 0), coalesce(c.b_erased, 0))) AS v (what, booked, counted)
      WHERE v.booked <> v.counted
        AND NOT (what = 'records read, and offsets' AND c.topic = $3 AND v.booked < v.counted)
        AND NOT (v.booked > v.counted AND c.hour < now() - interval '7 days' AND NOT EXISTS (SELECT FROM batches k
          WHERE (k.log_id, k.topic, k.partition) = (c.log_id, c.topic, c.partition) AND k.first_log_time < c.hour)))`,
  });
}
