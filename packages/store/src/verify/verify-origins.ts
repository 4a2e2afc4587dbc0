import type { Reader } from '../read-only.ts';
import { type CheckResult, type Hours, NO_PLACE, runCheck } from './check.ts';

/** Every event is of a batch that there is: by it it has its place in the log. Batches that were pruned are not missed. */
export function verifyOrigins(reader: Reader, { firstBatch, lastBatch, everything }: Hours): Promise<CheckResult> {
  return runCheck(reader, 'origins', {
    values: [firstBatch, lastBatch, everything],
    ctes: `compared AS (
      SELECT batch_id, count(*) AS n FROM events WHERE batch_id >= $1 AND ($3 OR batch_id <= $2) GROUP BY batch_id
    ), different AS (
      SELECT 'events of batch ' || batch_id || ', which is not there' AS what, ${NO_PLACE.project}, ${NO_PLACE.hour}, ${NO_PLACE.log},
        ${NO_PLACE.offset}, ${NO_PLACE.session}, 0 AS booked, n AS counted
      FROM compared c WHERE NOT EXISTS (SELECT FROM batches b WHERE b.id = c.batch_id))`,
  });
}
