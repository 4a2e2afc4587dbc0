import type { Reader } from '../read-only.ts';
import {
  CAUSE,
  type DeadLetterFilter,
  type DeadLetterState,
  deadLetterCondition,
  STATE,
} from './dead-letter-filter.ts';

/** A dead letter without its bytes. Times in epoch ms. */
export interface ListedDeadLetter {
  id: number;
  state: DeadLetterState;
  code: string;
  detail: string;
  cause: string;
  /** As far as they could be read. */
  eventId: string | null;
  sessionId: string | null;
  logId: string;
  topic: string;
  partition: number;
  offset: number;
  logMs: number;
  /** When it was put aside. */
  createdMs: number;
  replayedMs: number | null;
  discardedMs: number | null;
}

export const LISTED_COLUMNS = `id, ${STATE} AS state, code, detail, ${CAUSE} AS cause, event_id AS "eventId",
  session_id AS "sessionId", log_id AS "logId", topic, partition, log_offset AS "offset", log_time AS "logMs",
  created_at AS "createdMs", replayed_at AS "replayedMs", discarded_at AS "discardedMs"`;

/** Dead letters, the one put aside last first, at most `limit`, after the one given. */
export async function listDeadLetters(
  reader: Reader,
  { filter, limit, after }: { filter: DeadLetterFilter; limit: number; after?: number | undefined },
): Promise<ListedDeadLetter[]> {
  const values: unknown[] = [limit];
  const condition = deadLetterCondition(filter, values);
  const { rows } = await reader.query<ListedDeadLetter>(
    `SELECT ${LISTED_COLUMNS} FROM dead_letters
     WHERE ${condition} ${after === undefined ? '' : `AND id < $${values.push(after)}`} ORDER BY id DESC LIMIT $1`,
    values,
  );
  return rows;
}
