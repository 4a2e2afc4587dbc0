import type { Reader } from '../read-only.ts';

/** How far a partition of the log is stored. */
export interface PartitionPosition {
  topic: string;
  partition: number;
  nextOffset: number;
  /** The log's time of the record before, epoch ms; null where none was read. */
  lastLogMs: number | null;
}

/** Outside of a transaction a statement has no time-out of its own; it is waited for so long, and its connection then closed. */
const LONGEST_MS = 10_000;

/** The stored positions of a group in one log. */
export async function readPositions(
  reader: Pick<Reader, 'query'>,
  logId: string,
  group: string,
): Promise<PartitionPosition[]> {
  const query = {
    text: `SELECT topic, partition, next_offset AS "nextOffset",
       (extract(epoch FROM last_log_time) * 1000)::float8 AS "lastLogMs"
     FROM positions WHERE log_id = $1 AND group_name = $2`,
    values: [logId, group],
    query_timeout: LONGEST_MS,
  };
  const { rows } = await reader.query<PartitionPosition>(query);
  return rows;
}
