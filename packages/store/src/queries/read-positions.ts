import type { Reader } from '../read-only.ts';

/** How far a partition of the log is stored. */
export interface PartitionPosition {
  topic: string;
  partition: number;
  nextOffset: number;
  /** The log's time of the record before, epoch ms; null where none was read. */
  lastLogMs: number | null;
}

/** The stored positions of a group in one log. */
export async function readPositions(
  reader: Pick<Reader, 'query'>,
  logId: string,
  group: string,
): Promise<PartitionPosition[]> {
  const { rows } = await reader.query<PartitionPosition>(
    `SELECT topic, partition, next_offset AS "nextOffset",
       (extract(epoch FROM last_log_time) * 1000)::float8 AS "lastLogMs"
     FROM positions WHERE log_id = $1 AND group_name = $2`,
    [logId, group],
  );
  return rows;
}
