import type { Reader } from '../read-only.ts';
import { CAUSE_DETAIL, causeOf, type DeadLetterFilter, deadLetterCondition, STATE } from './dead-letter-filter.ts';

/** Dead letters of one code, whose details differ in nothing but names, numbers and times. Times in epoch ms. */
export interface DeadLetterCause {
  /** To select them by. */
  cause: string;
  code: string;
  /** The detail they share, with stand-ins for what differs. */
  detail: string;
  count: number;
  open: number;
  /** By the time of the log. */
  firstMs: number;
  lastMs: number;
  /** The newest of them. */
  exampleId: number;
}

/** The causes of dead letters, those of the most first, at most `limit`. It reads all that the filter selects. */
export async function deadLetterCauses(
  reader: Reader,
  filter: DeadLetterFilter,
  limit: number,
): Promise<DeadLetterCause[]> {
  const values: unknown[] = [limit];
  const { rows } = await reader.query<DeadLetterCause>(
    `SELECT ${causeOf('detail')} AS cause, c.* FROM (
       SELECT code, ${CAUSE_DETAIL} AS detail, count(*) AS count, count(*) FILTER (WHERE ${STATE} = 'open') AS open,
         min(log_time) AS "firstMs", max(log_time) AS "lastMs", max(id) AS "exampleId"
       FROM dead_letters WHERE ${deadLetterCondition(filter, values)} GROUP BY 1, 2
     ) c ORDER BY count DESC, "exampleId" DESC LIMIT $1`,
    values,
  );
  return rows;
}
