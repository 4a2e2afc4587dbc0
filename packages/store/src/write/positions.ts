import type { Pool } from 'pg';
import type { Asker } from '../planned-once.ts';
import { lastRecord, type PartitionBatch } from './partition-batch.ts';
import { recordChecksum } from './record-checksum.ts';

/** The stored position of one partition of one log, and what is known of the record before it. */
export interface StoredPosition {
  nextOffset: number;
  lastOffset: number | null;
  lastChecksum: number | null;
}

export interface PositionKey {
  logId: string;
  group: string;
  topic: string;
  partition: number;
}

/** Thrown where a stored position was not where the batch begins: nothing of the transaction remains. */
export class PositionMovedError extends Error {
  override readonly name = 'PositionMovedError';
}

const SELECT = `SELECT next_offset::text, last_offset::text, last_checksum::text FROM positions
  WHERE log_id = $1 AND group_name = $2 AND topic = $3 AND partition = $4`;

/** The stored position, or undefined before the first start. */
export async function readPosition(pool: Pool, key: PositionKey): Promise<StoredPosition | undefined> {
  const { rows } = await pool.query<{ next_offset: string; last_offset: string | null; last_checksum: string | null }>(
    SELECT,
    [key.logId, key.group, key.topic, key.partition],
  );
  const row = rows[0];
  return (
    row && {
      nextOffset: Number(row.next_offset),
      lastOffset: row.last_offset === null ? null : Number(row.last_offset),
      lastChecksum: row.last_checksum === null ? null : Number(row.last_checksum),
    }
  );
}

/** The stored position; where there is none, one is made at `start`, the beginning of the log, never its end. */
export async function ensurePosition(pool: Pool, key: PositionKey, start: number): Promise<StoredPosition> {
  await pool.query(
    `INSERT INTO positions (log_id, group_name, topic, partition, next_offset) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING`,
    [key.logId, key.group, key.topic, key.partition, start],
  );
  return (await readPosition(pool, key)) as StoredPosition;
}

/**
 * Moves positions from the first offset of each batch to its next: the first statement of a transaction, and its
 * fence. Returns a new batch id for each; rejects with `PositionMovedError` unless every one matched.
 */
export async function movePositions(
  asker: Asker,
  { logId, group }: { logId: string; group: string },
  batches: readonly PartitionBatch[],
): Promise<number[]> {
  const { rows } = await asker.query<{ place: number; batch_id: number }>(
    `WITH given AS (
       SELECT * FROM unnest($3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[],
         $9::bigint[]) WITH ORDINALITY
         AS g (topic, partition, first_offset, next_offset, last_offset, last_log_time, last_checksum, place)
     ), held AS (
       SELECT p.topic, p.partition FROM positions p JOIN given g USING (topic, partition)
       WHERE p.log_id = $1 AND p.group_name = $2 AND p.next_offset = g.first_offset
       ORDER BY p.topic, p.partition FOR UPDATE OF p
     ), moved AS (
       UPDATE positions p SET next_offset = g.next_offset, last_offset = g.last_offset,
         last_log_time = g.last_log_time, last_checksum = g.last_checksum, updated_at = now()
       FROM given g JOIN held h USING (topic, partition)
       WHERE p.log_id = $1 AND p.group_name = $2 AND p.topic = g.topic AND p.partition = g.partition
         AND p.next_offset = g.first_offset
       RETURNING g.place
     )
     SELECT place, nextval('batch_ids') AS batch_id FROM moved`,
    [
      logId,
      group,
      batches.map((b) => b.topic),
      batches.map((b) => b.partition),
      batches.map((b) => b.firstOffset),
      batches.map((b) => b.nextOffset),
      batches.map((b) => lastRecord(b).offset),
      batches.map((b) => new Date(lastRecord(b).timeMs).toISOString()),
      batches.map((b) => recordChecksum(lastRecord(b).original)),
    ],
  );
  if (rows.length !== batches.length) {
    throw new PositionMovedError(`${batches.length - rows.length} of ${batches.length} positions had moved`);
  }
  const ids = new Map(rows.map(({ place, batch_id }) => [place - 1, batch_id]));
  return batches.map((_, index) => ids.get(index) as number);
}

/**
 * Moves a position forward to the log's start, where records were gone before they were read, and books their number
 * as `expired` (project 0, the current hour). False if the position has moved meanwhile.
 */
export async function skipExpired(pool: Pool, key: PositionKey, skip: { from: number; to: number }): Promise<boolean> {
  const { rowCount } = await pool.query(
    `WITH moved AS (
       UPDATE positions SET next_offset = $6, last_offset = NULL, last_checksum = NULL, updated_at = now()
       WHERE log_id = $1 AND group_name = $2 AND topic = $3 AND partition = $4 AND next_offset = $5
       RETURNING $6::bigint - $5::bigint AS missing
     )
     INSERT INTO ledger AS l (project_id, hour, log_id, topic, partition, expired)
     SELECT 0, date_trunc('hour', now(), 'UTC'), $1, $3, $4, missing FROM moved
     ON CONFLICT (project_id, hour, log_id, topic, partition) DO UPDATE SET expired = l.expired + excluded.expired`,
    [key.logId, key.group, key.topic, key.partition, skip.from, skip.to],
  );
  return rowCount === 1;
}
