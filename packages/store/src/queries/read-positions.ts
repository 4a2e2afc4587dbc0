import type { Pool } from 'pg';

/** How far a partition of the log is stored. */
export interface PartitionPosition {
  topic: string;
  partition: number;
  nextOffset: number;
}

/** The stored positions of a group in one log. */
export async function readPositions(pool: Pool, logId: string, group: string): Promise<PartitionPosition[]> {
  const { rows } = await pool.query<PartitionPosition>(
    'SELECT topic, partition, next_offset AS "nextOffset" FROM positions WHERE log_id = $1 AND group_name = $2',
    [logId, group],
  );
  return rows;
}
